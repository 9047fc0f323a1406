package hostname

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"debvisor/internal/host"
)

// serversText is a servers-file of dnsmasq: whom it asks for names of the zone, and for those of addresses. Without name
// servers it answers itself that there is no such name in the zone.
func (s Settings) serversText() string {
	text := "# Written by debvisor hostname register from /etc/debvisor/dns.json.\n"
	if len(s.Servers) == 0 {
		return text + "server=/" + s.zone() + "/\n"
	}
	for _, server := range s.Servers {
		text += fmt.Sprintf("server=/%s/in-addr.arpa/ip6.arpa/%s#%d\n", s.zone(), server.Addr(), server.Port())
	}
	return text
}

// record is what was registered last. Servers is what dnsmasq was told to read: it does not notice that file by itself.
type record struct {
	Registration
	Servers string `json:"servers"`
}

// LoadRecord is what was registered last since the machine started; fs.ErrNotExist when nothing was.
func LoadRecord(h *host.Host) (Registration, error) {
	r, err := loadRecord(h)
	return r.Registration, err
}

func loadRecord(h *host.Host) (r record, err error) {
	data, err := h.ReadFile(RecordPath)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("%s: %w", RecordPath, err)
	}
	return r, nil
}

// unitFile is Debian's; an edition without dnsmasq has none, and its hosts files wait for one.
const unitFile = "/usr/lib/systemd/system/dnsmasq.service"

// plan is what must change so that dnsmasq asks the right servers; the record is written last and says that it knows.
func (s Settings) plan(h *host.Host, r Registration) ([]host.Change, error) {
	text := s.serversText()
	changes, err := h.Need(host.File{Path: ServersPath, Content: text, Mode: 0o644})
	if err != nil {
		return nil, err
	}
	last, err := loadRecord(h)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		last = record{} // it is a cache: what cannot be read is written again
	}
	if h.Exists(unitFile) && (len(changes) > 0 || last.Servers != text) {
		changes = append(changes, host.Exec{Cmd: host.Cmd{Args: []string{"systemctl", "try-reload-or-restart", "dnsmasq.service"}}, Why: "let dnsmasq read " + ServersPath})
	}
	if withoutDigits(last.Why) == withoutDigits(r.Why) {
		r.Why = last.Why
	}
	data, err := json.MarshalIndent(record{r, text}, "", "  ")
	if err != nil {
		return nil, err
	}
	said, err := h.Need(host.File{Path: RecordPath, Content: string(data) + "\n", Mode: 0o644})
	return append(changes, said...), err
}

// withoutDigits is what stays the same of an error that says a time or a port: the same trouble each minute is not news.
func withoutDigits(s string) string {
	return strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' {
			return -1
		}
		return c
	}, s)
}
