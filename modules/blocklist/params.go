package blocklist

import (
	"net/netip"
	"os"
	"os/user"
	"time"

	"debvisor/internal/blocklist"
)

// network is an address or a network, as text.
type network struct{ netip.Prefix }

// UnmarshalText reads "10.0.0.0/8" or "10.0.0.1".
func (n *network) UnmarshalText(text []byte) error {
	p, err := blocklist.ParseNetwork(string(text))
	n.Prefix = p
	return err
}

func prefixes(all []network) []netip.Prefix {
	var p []netip.Prefix
	for _, n := range all {
		p = append(p, n.Prefix)
	}
	return p
}

// quarantine is one address to be cut off, or to be let in again.
type quarantine struct {
	Address string `param:"address,required"`
	State   string `param:"state,default=present,choices=present|absent"`
	Reason  string `param:"reason,required_if=state:present"`
	Expires string `param:"expires"`
	By      string `param:"by"`
}

// change is the quarantine with the address in it, or without.
func (q quarantine) change(all blocklist.Quarantine, by string, now time.Time) (blocklist.Quarantine, error) {
	if q.State == "present" {
		e, err := blocklist.NewEntry(q.Address, q.Reason, q.Expires, by, now)
		return all.Add(e), err
	}
	a, err := blocklist.ParseAddress(q.Address)
	return all.Release(a), err
}

// asker is who the task works for: who it names, or the person who became root, as far as sudo says.
func (p params) asker() string {
	if p.Quarantine != nil && p.Quarantine.By != "" {
		return p.Quarantine.By
	}
	if name := os.Getenv("SUDO_USER"); name != "" {
		return name
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}
