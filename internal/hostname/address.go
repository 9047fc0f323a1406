package hostname

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"debvisor/internal/host"
)

// bridge is the interface that a DebVisor machine has its own addresses on.
const bridge = "br0"

// foreign are the beginnings of names of interfaces that belong to guests, containers and tunnels, even when a default
// route leads there.
var foreign = []string{"lo", "docker", "br-", "virbr", "cni", "veth", "vnet", "tap", "tun", "wg", "cali", "flannel", "vxlan", "kube", "podman", "lxc"}

// link is an interface as `ip -j address` prints it.
type link struct {
	Ifname   string
	AddrInfo []address `json:"addr_info"`
}

// address is one of its addresses. The flags are only printed when they are set.
type address struct {
	Local, Scope, Protocol                                          string
	Secondary, Temporary, Deprecated, Tentative, Dadfailed, Dynamic bool
	Prefixlen                                                       int
}

// route is a default route; one with several next hops has its interfaces there.
type route struct {
	Dev      string
	Metric   int
	Nexthops []struct{ Dev string }
}

func (r route) device() string {
	if r.Dev == "" && len(r.Nexthops) > 0 {
		return r.Nexthops[0].Dev
	}
	return r.Dev
}

var errNoAddress = errors.New("this machine has no address of its own yet")

// addresses are the machine's primary addresses, one a family: of the interface that the family's default route leads to,
// or the other family's, or of br0.
func (s Settings) addresses(ctx context.Context, h *host.Host) ([]netip.Addr, error) {
	var links []link
	var four, six []route
	err := errors.Join(
		ip(ctx, h, &links, "address", "show", "up"),
		ip(ctx, h, &four, "-4", "route", "show", "default"),
		ip(ctx, h, &six, "-6", "route", "show", "default"))
	if err != nil {
		return nil, err
	}
	own := append(s.choose(links, devices(four, six), netip.Addr.Is4), s.choose(links, devices(six, four), netip.Addr.Is6)...)
	if len(own) == 0 {
		return nil, errNoAddress
	}
	return own, nil
}

// ip runs ip -j and reads what it prints; some of its versions print nothing where there is nothing.
func ip(ctx context.Context, h *host.Host, into any, args ...string) error {
	out, err := h.Run(ctx, append([]string{"ip", "-j"}, args...)...)
	if err != nil || strings.TrimSpace(string(out)) == "" {
		return err
	}
	if err := json.Unmarshal(out, into); err != nil {
		return fmt.Errorf("read what ip printed: %w", err)
	}
	return nil
}

// devices are the interfaces to look at, the likeliest first.
func devices(first, second []route) []string {
	var all []string
	for _, routes := range [][]route{first, second} {
		slices.SortStableFunc(routes, func(a, b route) int { return cmp.Compare(a.Metric, b.Metric) })
		for _, r := range routes {
			all = append(all, r.device())
		}
	}
	return append(slices.DeleteFunc(all, isForeign), bridge)
}

func isForeign(device string) bool {
	return slices.ContainsFunc(foreign, func(prefix string) bool { return strings.HasPrefix(device, prefix) })
}

// choose is the best address of a family on the first device that has one, or none.
func (s Settings) choose(links []link, devices []string, family func(netip.Addr) bool) []netip.Addr {
	for _, device := range devices {
		var all []candidate
		for _, l := range links {
			if l.Ifname == device {
				all = append(all, s.candidates(l, family)...)
			}
		}
		if len(all) > 0 {
			return []netip.Addr{slices.MinFunc(all, compare).Addr}
		}
	}
	return nil
}

// candidate is an address that could be the machine's primary one, with what speaks against it.
type candidate struct {
	netip.Addr
	against [5]bool
}

// compare orders by what speaks against, the worst first. Equals of IPv4 stay in the kernel's order, where what was added
// later is last; those of IPv6 are in the order of their numbers, since the kernel's changes with what routers announce.
func compare(a, b candidate) int {
	for i := range a.against {
		if a.against[i] != b.against[i] {
			return map[bool]int{true: 1, false: -1}[a.against[i]]
		}
	}
	if a.Is4() {
		return 0
	}
	return a.Addr.Compare(b.Addr)
}

func (s Settings) candidates(l link, family func(netip.Addr) bool) []candidate {
	var all []candidate
	for _, a := range l.AddrInfo {
		addr, err := netip.ParseAddr(a.Local)
		if err != nil || !family(addr) || addr.Is4In6() || !a.lasts() || !addr.IsGlobalUnicast() || slices.Contains(s.Virtual, addr) {
			continue
		}
		all = append(all, candidate{addr, [5]bool{slices.Contains(s.Shared, addr), addr.Is4() && a.Prefixlen == 32, a.Secondary, a.Dynamic && addr.Is6(), addr.Is6() && addr.IsPrivate()}})
	}
	return all
}

// lasts reports whether others may keep an address: one that keepalived put there goes elsewhere with it.
func (a address) lasts() bool {
	return a.Scope == "global" && !a.Temporary && !a.Deprecated && !a.Tentative && !a.Dadfailed && a.Protocol != "keepalived"
}
