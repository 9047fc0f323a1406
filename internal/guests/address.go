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
	uuid   string // of the guest that was asked about; "" when nobody was
	mac    string
	addr   netip.Addr
	bridge string // where; "" for anywhere
	source Source
}

// survey is what is seen of the guests that run.
type survey struct {
	running  []Guest
	found    []sighting
	not      []netip.Addr // that are nobody's
	problems []error      // what could not be asked; it costs no more than what it would have said
	blind    bool         // the host's own addresses are not known, and might be taken for a guest's
}

// look looks for the addresses of guests in the leases and in the neighbour table. An address of the host, or one in not, is
// nobody's.
func look(ctx context.Context, h *host.Host, running []Guest, not []netip.Addr, now time.Time) (s survey) {
	s.running, s.not = running, not
	if len(running) == 0 {
		return s
	}
	own, err := hostAddresses(ctx, h)
	if err != nil {
		s.blind = true
		s.add(nil, err)
		return s
	}
	s.not = append(own, not...)
	s.add(leases(ctx, h, running))
	s.add(neighbours(ctx, h))
	s.add(leaseFile(h, now))
	return s
}

func (s *survey) add(found []sighting, problem error) {
	s.found = append(s.found, found...)
	if problem != nil {
		s.problems = append(s.problems, problem)
	}
}

// seen gives each guest its addresses.
func (s survey) seen() (all []Seen, problems []error) {
	if s.blind {
		return withoutAddresses(s.running), s.problems
	}
	all = assign(s.running, s.found, s.not)
	return all, append(slices.Clone(s.problems), settle(all)...)
}

func withoutAddresses(running []Guest) (all []Seen) {
	for _, g := range running {
		all = append(all, Seen{Guest: g})
	}
	return all
}

// assign gives each guest what was seen at its MACs. What was said of another guest, or by one, is not its own.
func assign(running []Guest, found []sighting, not []netip.Addr) (all []Seen) {
	for _, g := range running {
		s := Seen{Guest: g, Addresses: map[netip.Addr]Sight{}, Claimed: map[netip.Addr]bool{}}
		bridges := g.bridges()
		for _, f := range found {
			bridge, its := bridges[f.mac]
			if !its || f.uuid != "" && f.uuid != g.UUID || f.bridge != "" && f.bridge != bridge || !Usable(f.addr) || slices.Contains(not, f.addr) {
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

// settle takes an address that several guests claim from all but one: who has it by a lease, if that is one guest alone. A
// guest can say and send what it likes, so neither its agent nor the neighbour table decides.
func settle(all []Seen) (problems []error) {
	claims := map[netip.Addr][]Seen{}
	for _, s := range all {
		for a := range s.Addresses {
			claims[a] = append(claims[a], s)
		}
	}
	for a, by := range claims {
		if len(by) > 1 {
			problems = append(problems, decide(a, by))
		}
	}
	return problems
}

func decide(a netip.Addr, by []Seen) error {
	leased := func(s Seen) bool { return s.Addresses[a].Source == Lease }
	first := slices.IndexFunc(by, leased)
	decided := first >= 0 && !slices.ContainsFunc(by[first+1:], leased)
	var names []string
	for i, s := range by {
		names = append(names, strconv.Quote(clip(s.Name)))
		if !decided || i != first {
			delete(s.Addresses, a)
			s.Claimed[a] = decided
		}
	}
	return fmt.Errorf("%s is claimed by several guests: %s", a, strings.Join(names, ", "))
}

// leases are those of libvirt's own networks.
func leases(ctx context.Context, h *host.Host, running []Guest) (all []sighting, err error) {
	for some := range slices.Chunk(running, atOnce) {
		var commands []string
		for _, g := range some {
			commands = append(commands, leasesOf(g.UUID))
		}
		out, wrong := virsh(ctx, h, strings.Join(commands, "; "))
		all, err = append(all, parseLeased(string(out))...), errors.Join(err, wrong)
	}
	return all, err
}

// leasesOf asks for the leases of a guest, after a line with its UUID; a quiet virsh ends no line by itself.
func leasesOf(uuid string) string {
	return "echo \"" + uuid + "\n\"; domifaddr " + uuid + " --full --source lease"
}

// parseLeased reads the leases of guests, each after its UUID. The server knows a guest that speaks IPv6 by its neighbour
// table, so that is what such a lease is worth.
func parseLeased(text string) (all []sighting) {
	uuid, part := "", ""
	flush := func() {
		for _, s := range parseAddresses(part, uuid, Lease) {
			if s.addr.Is6() {
				s.source = Neighbour
			}
			all = append(all, s)
		}
		part = ""
	}
	for line := range strings.Lines(text) {
		if word := strings.TrimSpace(line); uuidFormat().MatchString(word) {
			flush()
			uuid = word
		} else if uuid != "" {
			part += line
		}
	}
	flush()
	return all
}

// parseAddresses reads what domifaddr prints of one guest: name, MAC, protocol and address with a prefix on each line.
func parseAddresses(text, uuid string, source Source) (all []sighting) {
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
			all = append(all, sighting{uuid: uuid, mac: mac.String(), addr: a.Unmap(), source: source})
		}
	}
	return all
}

// dead are the states of a neighbour in which nobody has answered.
var dead = []string{"FAILED", "INCOMPLETE", "NOARP", "NONE"}

func neighbours(ctx context.Context, h *host.Host) (all []sighting, err error) {
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

// parseLeases reads dnsmasq's own format: when it ends, MAC, address, name and client. A lease of IPv6 is left out: it has no
// MAC but the one that the client writes into its own identifier, which may be any other guest's.
func parseLeases(text string, now time.Time) (all []sighting) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 5 {
			continue
		}
		ends, wrong := strconv.ParseInt(f[0], 10, 64)
		mac, wrongToo := net.ParseMAC(f[1])
		a, wrongThree := netip.ParseAddr(f[2])
		if wrong == nil && wrongToo == nil && wrongThree == nil && a.Is4() && (ends == 0 || ends >= now.Unix()) {
			all = append(all, sighting{mac: mac.String(), addr: a, source: Lease})
		}
	}
	return all
}
