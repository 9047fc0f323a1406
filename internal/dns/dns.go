// Package dns is what DebVisor's name servers and their clients have in common: the settings of each, and the record that
// says who of a pair may write. The packages below it each do one thing: named writes BIND's configuration, update changes
// records, pair decides who writes, rotation replaces keys. It sends nothing itself.
package dns

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"debvisor/internal/host"
)

// Where settings are on a machine: the module dns_ha writes the one, the module vm_register the other.
const (
	ServerPath = "/etc/debvisor/dns-server.json"
	ClientPath = "/etc/debvisor/dns.json"
)

// ArbiterZone is the zone of an arbiter; the keys for transfers may write TXT records below it.
const ArbiterZone = "arbiter.debvisor.internal"

// Server is what a name server of a pair, or one alone, has to know.
type Server struct {
	Self        netip.Addr   `json:"self"`                  // its address; never the virtual one
	Peer        netip.Addr   `json:"peer,omitzero"`         // the other of the pair; none for a server alone
	First       bool         `json:"first,omitempty"`       // begins the zones when the pair is new
	Arbiter     netip.Addr   `json:"arbiter,omitzero"`      // a third server, which says who goes on when the two do not see each other
	VIP         []netip.Addr `json:"vip,omitempty"`         // the virtual addresses, one a family
	Secondaries []netip.Addr `json:"secondaries,omitempty"` // further servers that transfer the zones
	Addresses   []netip.Addr `json:"addresses,omitempty"`   // what else the servers answer on; no client may write their PTR
	Primaries   []netip.Addr `json:"primaries,omitempty"`   // of a further server: whom it transfers from; it never writes
	Arbitrates  bool         `json:"arbitrates,omitempty"`  // it has ArbiterZone, in which a pair decides who goes on
	Zones       []Zone       `json:"zones"`
}

// Zone is a zone that is written to, for names or for addresses.
type Zone struct {
	Name     string   `json:"name"`               // lower case, without a dot at the end
	Guests   string   `json:"guests,omitempty"`   // names of guests are below this label; "" in a reverse zone
	Reserved []string `json:"reserved,omitempty"` // names, relative to the zone, that no client's key may write
}

// Client is where and as whom names are registered.
type Client struct {
	Servers []netip.AddrPort `json:"servers"` // asked in order: the virtual address, or each server's
	Zone    string           `json:"zone"`    // of nodes
	Guests  string           `json:"guests"`  // of guests: the zone, with a label in front
	TTL     uint32           `json:"ttl"`     // of records, in seconds
}

// SeenPath says that a server had a zone in which somebody wrote. It stays when the zone is lost, so that none begins anew in
// its place.
func SeenPath(zone string) string { return seenPrefix + zone }

const seenPrefix = "/var/lib/debvisor/dns/epoch-"

// Seen are the zones of which a machine knows that somebody wrote.
func Seen(h *host.Host) ([]string, error) {
	found, err := h.Glob(seenPrefix + "*")
	for i, path := range found {
		found[i] = strings.TrimPrefix(path, seenPrefix)
	}
	return found, err
}

// LoadServer reads ServerPath. A machine that is no server of a pair has none: fs.ErrNotExist.
func LoadServer(h *host.Host) (s Server, err error) { return s, load(h, ServerPath, &s) }

// LoadClient reads ClientPath.
func LoadClient(h *host.Host) (c Client, err error) { return c, load(h, ClientPath, &c) }

func load(h *host.Host, path string, into any) error {
	data, err := h.ReadFile(path)
	if err != nil {
		return err
	}
	return parse(path, data, into)
}

// ParseServer reads the text of ServerPath.
func ParseServer(text []byte) (s Server, err error) { return s, parse(ServerPath, text, &s) }

func parse(path string, data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("%s: there is something after the settings", path)
	}
	return nil
}

// Text is settings as they are kept.
func Text(settings any) (string, error) {
	text, err := json.MarshalIndent(settings, "", "  ")
	return string(text) + "\n", err
}
