package health

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"debvisor/config"
)

func addresses(ctx context.Context, n *Node, r *Result) error {
	want, err := n.answers()
	if err != nil {
		return err
	}
	four, six, err := n.addressesOf(ctx, "br0")
	if err != nil {
		return err
	}
	compareAddress(r, "IPv4", want.Network.IPv4, four)
	compareAddress(r, "IPv6", want.Network.IPv6, six)
	r.ok("br0 has %s", list(append(four, six...)))
	return nil
}

// addressesOf are an interface's addresses that reach beyond its link, as address/prefix.
func (n *Node) addressesOf(ctx context.Context, device string) (four, six []string, err error) {
	out, err := n.Run(ctx, "ip", "-j", "address", "show", "dev", device)
	if err != nil {
		return nil, nil, err
	}
	var links []struct {
		AddrInfo []struct {
			Family, Local, Scope string
			Prefixlen            int
		} `json:"addr_info"`
	}
	if err := json.Unmarshal(out, &links); err != nil {
		return nil, nil, fmt.Errorf("read what ip printed: %w", err)
	}
	for _, l := range links {
		for _, a := range l.AddrInfo {
			text := fmt.Sprintf("%s/%d", a.Local, a.Prefixlen)
			switch {
			case a.Scope != "global":
			case a.Family == "inet":
				four = append(four, text)
			default:
				six = append(six, text)
			}
		}
	}
	return four, six, nil
}

// compareAddress: an address that routers announce (auto) is welcome but not promised by anybody.
func compareAddress(r *Result, family string, want config.Address, got []string) {
	switch {
	case want.Method == "static" && !slices.ContainsFunc(got, same(want.Address)):
		r.fail("br0 has %s %s, the answers say %s", family, list(got), want.Address)
	case want.Method == "dhcp" && len(got) == 0:
		r.fail("br0 has no %s address: DHCP has not answered", family)
	}
}

// same compares addresses, with or without a prefix length: IPv6 has many spellings.
func same(want string) func(string) bool {
	return func(got string) bool {
		p, wrong := netip.ParsePrefix(want)
		if q, err := netip.ParsePrefix(got); wrong == nil && err == nil {
			return p == q
		}
		a, wrong := netip.ParseAddr(want)
		b, err := netip.ParseAddr(got)
		return wrong == nil && err == nil && a == b
	}
}

func routes(ctx context.Context, n *Node, r *Result) error {
	want, err := n.answers()
	if err != nil {
		return err
	}
	four, err := n.gateways(ctx, "-4")
	if err != nil {
		return err
	}
	six, err := n.gateways(ctx, "-6")
	if err != nil {
		return err
	}
	compareGateway(r, "IPv4", want.Network.IPv4, four)
	compareGateway(r, "IPv6", want.Network.IPv6, six)
	r.ok("default by %s", list(append(four, six...)))
	return nil
}

// gateways are the next hops of the default routes of a family.
func (n *Node) gateways(ctx context.Context, family string) ([]string, error) {
	out, err := n.Run(ctx, "ip", "-j", family, "route", "show", "default")
	if err != nil {
		return nil, err
	}
	var found []struct{ Gateway string }
	if text := strings.TrimSpace(string(out)); text != "" {
		err = json.Unmarshal([]byte(text), &found)
	}
	var all []string
	for _, f := range found {
		all = append(all, f.Gateway)
	}
	return all, err
}

// compareGateway: a network without a router is possible, and then DHCP names none.
func compareGateway(r *Result, family string, want config.Address, got []string) {
	switch {
	case want.Gateway != "" && !slices.ContainsFunc(got, same(want.Gateway)):
		r.fail("the %s default route is by %s, the answers say %s", family, list(got), want.Gateway)
	case want.Method == "dhcp" && len(got) == 0:
		r.warn("there is no %s default route: DHCP named none", family)
	}
}
