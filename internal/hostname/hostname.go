// Package hostname registers the machine's own name and addresses with the dnsmasq of this machine: which name and which
// addresses are its own, and the file that says so. It does not set the name, and it registers no guests. What asks the
// cluster is the package below it, in a program of its own: the client of etcd would make every other command slower.
package hostname

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"path"
	"slices"
	"strings"

	"debvisor/internal/host"
)

// Where the registration is on a machine.
const (
	Dir         = "/etc/dnsmasq.d/hosts"               // a file for each machine; dnsmasq sees each that comes, changes or goes
	ServersPath = "/etc/debvisor/dnsmasq-servers.conf" // whom dnsmasq asks for names of the zone that it does not have
	RecordPath  = "/run/debvisor-hostname/record.json" // what was registered last since the machine started
	DefaultZone = "debvisor.local"                     // of a machine whose own domain nothing tells
)

const suffix = ".hosts"

// Settings are what is known of the name service around the machine; the zero value is right for a machine without one.
type Settings struct {
	Zone    string           // the domain of a machine whose own is not known, and of the name servers; DefaultZone when ""
	Virtual []netip.Addr     // addresses that move between machines: never this machine's own
	Shared  []netip.Addr     // addresses that may move: this machine's own only where it has no other
	Servers []netip.AddrPort // the name servers of Zone
}

func (s Settings) zone() string {
	if s.Zone == "" {
		return DefaultZone
	}
	return s.Zone
}

// Registration is the name and the addresses that a machine is known by.
type Registration struct {
	FQDN      string       `json:"fqdn"`          // lower case, without a dot at the end
	Addresses []netip.Addr `json:"addresses"`     // one a family at most, IPv4 first; never empty
	Cluster   bool         `json:"cluster"`       // the cluster gave the name
	Why       string       `json:"why,omitempty"` // why a cluster that is configured did not
}

// String is the registration in a line.
func (r Registration) String() string {
	texts := make([]string, len(r.Addresses))
	for i, a := range r.Addresses {
		texts[i] = a.String()
	}
	text := r.FQDN + " is " + strings.Join(texts, " and ")
	switch {
	case r.Cluster:
		return text + "; the cluster gave the name"
	case r.Why != "":
		return text + "; this is the local name: " + r.Why
	}
	return text
}

// Short is the first part of the name.
func (r Registration) Short() string {
	short, _, _ := strings.Cut(r.FQDN, ".")
	return short
}

// Look finds out the machine's name and addresses. It asks the cluster where one is configured, for 2 seconds at most. A
// machine without a usable name or address is an error.
func Look(ctx context.Context, h *host.Host, s Settings) (Registration, error) {
	local, err := localName(h, s.zone())
	if err != nil {
		return Registration{}, err
	}
	addresses, err := s.addresses(ctx, h)
	if err != nil {
		return Registration{}, err
	}
	r := Registration{FQDN: local, Addresses: addresses}
	name, err := clusterName(ctx, h)
	switch {
	case errors.Is(err, errNoCluster):
	case err != nil:
		r.Why = oneLine(err.Error())
	default:
		r.FQDN, r.Cluster = name, true
	}
	return r, ctx.Err()
}

// ErrForeign: the file that the registration belongs into is somebody else's.
var ErrForeign = errors.New("it is not DebVisor's")

// Plan is what must change so that dnsmasq answers with the registration, and with none of an earlier name.
func Plan(h *host.Host, r Registration, s Settings) ([]host.Change, error) {
	changes, err := PlanFile(h, r)
	if err != nil {
		return nil, err
	}
	forward, err := s.plan(h, r)
	return append(changes, forward...), err
}

// PlanFile is the part of Plan that is about the machine's own file in Dir. Files that others keep there stay; when one of
// them is where the registration belongs, it is ErrForeign.
func PlanFile(h *host.Host, r Registration) ([]host.Change, error) {
	mark, err := markOf(h)
	if err != nil {
		return nil, err
	}
	own := path.Join(Dir, r.Short()+suffix)
	if err := mine(h, own); err != nil {
		return nil, err
	}
	old, err := marked(h, mark)
	if err != nil {
		return nil, err
	}
	wants := []host.Want{host.Dir{Path: Dir, Mode: 0o755}, host.File{Path: own, Content: mark + r.lines(), Mode: 0o644}}
	for _, name := range slices.DeleteFunc(old, func(name string) bool { return name == own }) {
		wants = append(wants, host.Absent{Path: name})
	}
	return h.Need(wants...)
}

// lines are the registration as a file of hosts.
func (r Registration) lines() string {
	var b strings.Builder
	for _, a := range r.Addresses {
		fmt.Fprintln(&b, a, r.FQDN, r.Short())
	}
	return b.String()
}

// mine refuses a file that no DebVisor machine wrote: an operator's own is not overwritten.
func mine(h *host.Host, name string) error {
	data, err := h.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !strings.HasPrefix(string(data), markBegin):
		return fmt.Errorf("register this machine in %s: %w; rename or remove it", name, ErrForeign)
	}
	return nil
}

// marked are the files that this machine wrote.
func marked(h *host.Host, mark string) ([]string, error) {
	names, err := h.Glob(Dir + "/*" + suffix)
	if err != nil {
		return nil, err
	}
	var own []string
	for _, name := range names {
		data, err := h.ReadFile(name)
		switch {
		case errors.Is(err, fs.ErrNotExist): // a link that leads nowhere
		case err != nil:
			return nil, err
		case strings.HasPrefix(string(data), mark):
			own = append(own, name)
		}
	}
	return own, nil
}
