package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"time"

	"debvisor/internal/dns"
	"debvisor/internal/dns/update"
	"debvisor/internal/host"
	"debvisor/internal/hostname"
	"debvisor/internal/tsig"
)

// placedPath is what this node has, or may have, on the name servers: what is no longer its own is taken away by it.
const placedPath = "/var/lib/debvisor/hostname.json"

// placed is a name with addresses on the name servers.
type placed struct {
	Name      string       `json:"name"`
	Addresses []netip.Addr `json:"addresses"`
}

// inDNS is the node's name on the name servers: how to bring it there, and what is to be different.
type inDNS struct {
	client       *update.Client
	changes      []update.Change
	before, want []placed
}

// errNoDNS: this node registers with no name servers.
var errNoDNS = errors.New("no name servers are configured")

// planDNS is errNoDNS on a node that has no settings of name servers or no key for them.
func planDNS(h *host.Host, own hostname.Registration) (*inDNS, error) {
	settings, err := dns.LoadClient(h)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNoDNS
	}
	if err != nil {
		return nil, err
	}
	key, err := tsig.ClientKey(h, tsig.Node)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNoDNS
	}
	if err != nil {
		return nil, err
	}
	id, err := h.ReadFile(machineIDPath)
	if err != nil {
		return nil, err
	}
	owner, err := update.IdentityOf(string(id))
	if err != nil {
		return nil, err
	}
	name, err := update.FullName(own.Short(), settings.Zone)
	if err != nil {
		return nil, err
	}
	d := &inDNS{client: &update.Client{Servers: settings.Servers, Key: key}, want: []placed{{name, own.Addresses}}}
	if d.before, err = loadPlaced(h); err != nil {
		return nil, err
	}
	d.changes = append(takenAway(d.before, d.want[0], owner), update.Change{Add: true, Name: name, Addresses: own.Addresses, Owner: owner, TTL: settings.TTL})
	return d, nil
}

func loadPlaced(h *host.Host) (all []placed, err error) {
	data, err := h.ReadFile(placedPath)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, fmt.Errorf("%s: %w", placedPath, err)
	}
	return all, nil
}

// takenAway are the removals of what the node had and has no more. Each names its addresses: none would mean all of the name.
func takenAway(before []placed, now placed, owner update.Identity) (all []update.Change) {
	for _, old := range before {
		gone := slices.DeleteFunc(slices.Clone(old.Addresses), func(a netip.Addr) bool {
			return old.Name == now.Name && slices.Contains(now.Addresses, a)
		})
		if len(gone) > 0 {
			all = append(all, update.Change{Name: old.Name, Addresses: gone, Owner: owner})
		}
	}
	return all
}

// savePlaced writes what the node has on the name servers, if the file says something else.
func savePlaced(ctx context.Context, h *host.Host, all []placed) error {
	data, err := json.Marshal(all)
	if err != nil {
		return err
	}
	changes, err := h.Need(host.File{Path: placedPath, Content: string(data) + "\n", Mode: 0o644})
	if err != nil {
		return err
	}
	return h.Apply(ctx, changes)
}

// patienceDNS is short: the timer tries again.
const patienceDNS = 3 * time.Second

// registerDNS brings the node's name to the name servers. What may be there is written down before it is, and forgotten once
// it is gone, so that a run that was interrupted leaves nothing behind for good. It returns what was done.
func registerDNS(ctx context.Context, h *host.Host, d *inDNS) ([]string, error) {
	if err := savePlaced(ctx, h, union(d.before, d.want[0])); err != nil {
		return nil, err
	}
	sending, cancel := context.WithTimeout(ctx, patienceDNS)
	defer cancel()
	outcomes, err := d.client.Apply(sending, d.changes...)
	if err != nil {
		return nil, err
	}
	worth := slices.DeleteFunc(slices.Clone(outcomes), func(o update.Outcome) bool {
		return o.Result == update.Unchanged || o.Result == update.Unreachable // each minute anew
	})
	if err := recordUpdates(ctx, h, worth); err != nil {
		return nil, err
	}
	if t := left(outcomes); t != nil {
		return does(worth), t
	}
	return does(worth), savePlaced(ctx, h, d.want)
}

// union keeps what was there beside what is to be.
func union(before []placed, now placed) []placed {
	all := slices.Clone(before)
	for i, old := range all {
		if old.Name == now.Name {
			all[i].Addresses = append(slices.Clone(old.Addresses), slices.DeleteFunc(slices.Clone(now.Addresses), func(a netip.Addr) bool {
				return slices.Contains(old.Addresses, a)
			})...)
			return all
		}
	}
	return append(all, now)
}

// trouble is what is left to do at the name servers.
type trouble struct {
	error
	kind string // what and how, without the numbers that differ from one run to the next
}

// left is nil when nothing is left to do. A name to remove that is somebody else's by now is gone already.
func left(outcomes []update.Outcome) error {
	var t trouble
	for _, o := range outcomes {
		if err := o.Err(); err != nil && (o.Change.Add || o.Result != update.NotOwner) {
			t.error = errors.Join(t.error, err)
			t.kind += fmt.Sprintf("%s: %s\n", o.Change.Name, o.Result)
		}
	}
	if t.error == nil {
		return nil
	}
	return t
}

// does is what was sent, or would be, a line each, such as "add A 192.0.2.1 at hv01.debvisor.local".
func does(outcomes []update.Outcome) (lines []string) {
	for _, o := range outcomes {
		for _, r := range o.Records {
			for _, what := range r.Does {
				lines = append(lines, what+" at "+r.Name)
			}
		}
	}
	return lines
}
