// Package rotation replaces the keys of name servers and their clients while both go on working. A rotation is a row of
// steps, each a plan for one machine: make the next generation, have every server accept it beside the one in use, prove it
// there, give it to every client, and take the old one away once nobody can be using it. There is no state besides the key
// files: what the machines hold says how far a rotation came, so one that was ended anywhere is gone on with by doing all
// steps again. The package orders no machines; a playbook does.
package rotation

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"time"

	"debvisor/internal/dns"
	"debvisor/internal/host"
	"debvisor/internal/names"
	"debvisor/internal/tsig"
)

// Machine is a machine that a step is planned for. Whoever applies a plan holds tsig.Lock from before the plan on.
type Machine struct {
	*host.Host
	// Live plans that files are written and that the name server, where there is one, has taken them up: named.PlanFiles.
	Live func(ctx context.Context, h *host.Host, files ...host.File) ([]host.Change, error)
	// Probe asks a server something that is signed. Writes says whether it must take updates with the key as well.
	Probe func(ctx context.Context, server netip.AddrPort, zone string, k tsig.Key, writes bool) error
	Now   time.Time
}

const auditPath = names.AuditLog

// recorded is changes with a line in the machine's log before them, which says whose step they are; none stay none.
func (m Machine) recorded(step string, c Claim, serial uint32, changes []host.Change) []host.Change {
	if len(changes) == 0 {
		return nil
	}
	line := fmt.Sprintf(`{"time":%q,"action":"tsig %s","generation":%d,"holder":%q}`, m.Now.UTC().Format(time.RFC3339), step, serial, c.Holder)
	return append([]host.Change{host.Append{Path: auditPath, Mode: 0o640, Line: line}}, changes...)
}

// Key tells a key from every other, without its secret.
type Key struct {
	Name        string `json:"name"`
	Fingerprint string `json:"fingerprint"`
}

func keyOf(k tsig.Key) Key { return Key{k.Name(), k.Fingerprint()} }

// Facts are what a machine holds.
type Facts struct {
	Server map[tsig.Role][]Key `json:"server"` // that its name server accepts, newest first
	Client map[tsig.Role]Key   `json:"client"` // that it signs with
	Active tsig.Active         `json:"active"`
	Serves bool                `json:"serves"` // whether it is a name server with zones
	Others bool                `json:"others"` // whether it is one of several that serve them
}

// Facts reads them.
func (m Machine) Facts() (Facts, error) {
	keys, err := tsig.ServerKeys(m.Host)
	if err != nil {
		return Facts{}, err
	}
	s, err := dns.LoadServer(m.Host)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Facts{}, err
	}
	f := Facts{Server: map[tsig.Role][]Key{}, Client: map[tsig.Role]Key{}, Serves: err == nil}
	f.Others = s.Peer.IsValid() || len(s.Primaries) > 0 || len(s.Secondaries) > 0
	for role, all := range keys {
		for _, k := range all {
			f.Server[role] = append(f.Server[role], keyOf(k))
		}
	}
	own, err := m.clientKeys()
	if err != nil {
		return Facts{}, err
	}
	for _, k := range own {
		f.Client[k.Role] = keyOf(k)
	}
	f.Active, err = tsig.ReadActive(m.Host)
	return f, err
}

// NotAlone is why this machine's keys cannot be rotated without other machines, or "": a client of other servers would
// sign with keys that nobody knows, and a server would drop those of the others.
func (f Facts) NotAlone() string {
	switch {
	case len(f.Server) == 0:
		return "this machine's own name server has no keys"
	case f.Others:
		return "this name server is one of several"
	}
	for _, role := range tsig.ClientRoles {
		if k, ok := f.Client[role]; ok && !f.has(role, k) {
			return "this machine signs with " + k.Name + ", which its own name server does not have"
		}
	}
	return ""
}

// has reports whether a server has just this key.
func (f Facts) has(role tsig.Role, k Key) bool { return slices.Contains(f.Server[role], k) }

// hasOther reports whether a server has another key of that name.
func (f Facts) hasOther(role tsig.Role, k Key) bool {
	return slices.ContainsFunc(f.Server[role], func(o Key) bool { return o.Name == k.Name && o != k })
}
