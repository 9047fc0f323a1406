package guests

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"debvisor/internal/host"
)

// sighting is an address that is seen at a MAC.
type sighting struct {
	mac    string
	addr   netip.Addr
	bridge string // where; "" for anywhere
	source Source
}

// Discover looks for the addresses of guests in the leases, in the neighbour table and through the agents that are
// connected. An address of the host, or one in not, is nobody's. What cannot be asked is in problems and costs no more
// than what it would have said.
func Discover(ctx context.Context, h *host.Host, running []Guest, not []netip.Addr, now time.Time) (all []Seen, problems []error) {
	if len(running) == 0 {
		return nil, nil
	}
	own, err := hostAddresses(ctx, h)
	if err != nil { // an address of the host's own might be taken for a guest's
		return withoutAddresses(running), []error{err}
	}
	var found []sighting
	for _, look := range []func(context.Context, *host.Host, []Guest) ([]sighting, error){leases, agents, neighbours} {
		some, err := look(ctx, h, running)
		if err != nil {
			problems = append(problems, err)
		}
		found = append(found, some...)
	}
	files, err := leaseFile(h, now)
	if err != nil {
		problems = append(problems, err)
	}
	all = assign(running, append(found, files...), append(own, not...))
	return all, append(problems, settle(all)...)
}

func withoutAddresses(running []Guest) (all []Seen) {
	for _, g := range running {
		all = append(all, Seen{Guest: g})
	}
	return all
}

// assign gives each guest what was seen at its MACs.
func assign(running []Guest, found []sighting, not []netip.Addr) (all []Seen) {
	for _, g := range running {
		s := Seen{Guest: g, Addresses: map[netip.Addr]Sight{}}
		bridges := g.bridges()
		for _, f := range found {
			bridge, its := bridges[f.mac]
			if !its || f.bridge != "" && f.bridge != bridge || !Usable(f.addr) || slices.Contains(not, f.addr) {
				continue
			}
			s.Told = s.Told || f.source == Agent
			if known, is := s.Addresses[f.addr]; !is || f.source > known.Source {
				s.Addresses[f.addr] = Sight{Source: f.source, MAC: f.mac}
			}
		}
		all = append(all, s)
	}
	return all
}

// Usable reports whether others can reach a guest at an address: it is none of the loopback, a link, a group or nobody.
func Usable(a netip.Addr) bool {
	return a.IsValid() && a.Zone() == "" && !a.Is4In6() && a.IsGlobalUnicast() && a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// settle takes an address that several guests claim from all but one: who has it by the best source, if that is one guest
// alone.
func settle(all []Seen) (problems []error) {
	claims := map[netip.Addr][]Seen{}
	for _, s := range all {
		for a := range s.Addresses {
			claims[a] = append(claims[a], s)
		}
	}
	for a, by := range claims {
		if len(by) < 2 {
			continue
		}
		slices.SortFunc(by, func(x, y Seen) int { return int(y.Addresses[a].Source - x.Addresses[a].Source) })
		one := by[0].Addresses[a].Source > by[1].Addresses[a].Source
		var names []string
		for i, s := range by {
			names = append(names, strconv.Quote(clip(s.Name)))
			if i > 0 || !one {
				delete(s.Addresses, a)
			}
		}
		problems = append(problems, fmt.Errorf("%s is claimed by several guests: %s", a, strings.Join(names, ", ")))
	}
	return problems
}

// leases are those of libvirt's own networks.
func leases(ctx context.Context, h *host.Host, running []Guest) (all []sighting, err error) {
	var uuids []string
	for _, g := range running {
		uuids = append(uuids, g.UUID)
	}
	for some := range slices.Chunk(uuids, atOnce) {
		out, wrong := virsh(ctx, h, each("domifaddr", some, "--full --source lease"))
		all, err = append(all, parseAddresses(string(out), Lease)...), errors.Join(err, wrong)
	}
	return all, err
}

// agents asks guests for their addresses. One that is connected and silent costs libvirt's five seconds.
func agents(ctx context.Context, h *host.Host, running []Guest) (all []sighting, err error) {
	for _, g := range running {
		if !g.Agent {
			continue
		}
		out, wrong := virsh(ctx, h, "domifaddr "+g.UUID+" --full --source agent")
		all, err = append(all, parseAddresses(string(out), Agent)...), errors.Join(err, wrong)
	}
	return all, err
}

// parseAddresses reads what domifaddr prints: name, MAC, protocol and address with a prefix on each line.
func parseAddresses(text string, source Source) (all []sighting) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 4 {
			continue
		}
		f = f[len(f)-3:] // the name of an interface in a guest is the guest's, and may have blanks
		mac, err := net.ParseMAC(f[0])
		if err != nil {
			continue
		}
		text, _, _ := strings.Cut(f[2], "/")
		if a, err := netip.ParseAddr(text); err == nil {
			all = append(all, sighting{mac: mac.String(), addr: a.Unmap(), source: source})
		}
	}
	return all
}

// dead are the states of a neighbour in which nobody has answered.
var dead = []string{"FAILED", "INCOMPLETE", "NOARP", "NONE"}

func neighbours(ctx context.Context, h *host.Host, _ []Guest) (all []sighting, err error) {
	out, err := h.Run(ctx, "ip", "-j", "neigh", "show")
	if err != nil {
		return nil, err
	}
	var table []struct {
		Dst, Dev, LLAddr string
		State            []string
	}
	if err := unmarshal(out, &table); err != nil {
		return nil, fmt.Errorf("read the neighbour table: %w", err)
	}
	for _, n := range table {
		mac, wrong := net.ParseMAC(n.LLAddr)
		a, wrongToo := netip.ParseAddr(n.Dst)
		if wrong != nil || wrongToo != nil || slices.ContainsFunc(n.State, func(s string) bool { return slices.Contains(dead, s) }) {
			continue
		}
		all = append(all, sighting{mac: mac.String(), addr: a, bridge: n.Dev, source: Neighbour})
	}
	return all, nil
}

func hostAddresses(ctx context.Context, h *host.Host) (all []netip.Addr, err error) {
	out, err := h.Run(ctx, "ip", "-j", "address", "show")
	if err != nil {
		return nil, err
	}
	var links []struct {
		Info []struct{ Local, Broadcast string } `json:"addr_info"`
	}
	if err := unmarshal(out, &links); err != nil {
		return nil, fmt.Errorf("read the addresses of this host: %w", err)
	}
	for _, l := range links {
		for _, i := range l.Info {
			for _, text := range []string{i.Local, i.Broadcast} {
				if a, err := netip.ParseAddr(text); err == nil {
					all = append(all, a)
				}
			}
		}
	}
	return all, nil
}

// unmarshal reads what ip prints, which is nothing when there is nothing.
func unmarshal(text []byte, into any) error {
	if len(strings.TrimSpace(string(text))) == 0 {
		return nil
	}
	return json.Unmarshal(text, into)
}

// LeaseFile is where dnsmasq keeps leases that the host itself gives.
const LeaseFile = "/var/lib/misc/dnsmasq.leases"

func leaseFile(h *host.Host, now time.Time) ([]sighting, error) {
	data, err := h.ReadFile(LeaseFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return parseLeases(string(data), now), err
}

// parseLeases reads dnsmasq's own format: when it ends, MAC, address, name and client. A lease of IPv6 has no MAC, but
// most clients' identifiers (DUID-LLT and DUID-LL) end with one.
func parseLeases(text string, now time.Time) (all []sighting) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 5 {
			continue
		}
		ends, wrong := strconv.ParseInt(f[0], 10, 64)
		a, wrongToo := netip.ParseAddr(f[2])
		if wrong != nil || wrongToo != nil || ends != 0 && ends < now.Unix() {
			continue
		}
		hardware := f[1]
		if a.Is6() {
			hardware = hardwareOf(f[4])
		}
		if mac, err := net.ParseMAC(hardware); err == nil {
			all = append(all, sighting{mac: mac.String(), addr: a, source: Lease})
		}
	}
	return all
}

// hardwareOf is the MAC in a DUID of Ethernet, or "".
func hardwareOf(duid string) string {
	bytes := strings.Split(duid, ":")
	switch {
	case len(bytes) == 14 && strings.HasPrefix(duid, "00:01:00:01:"), len(bytes) == 10 && strings.HasPrefix(duid, "00:03:00:01:"):
		return strings.Join(bytes[len(bytes)-6:], ":")
	}
	return ""
}
