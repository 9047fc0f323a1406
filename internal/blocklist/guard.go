package blocklist

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"debvisor/internal/blocklist/addrset"
	"debvisor/internal/host"
	"debvisor/internal/session"
)

// Protected are addresses that a node must not block: without them it, or the person who looks after it, is cut off.
type Protected struct {
	Why string
	Set addrset.Set
}

// always are protected on every node. IPv6 finds its neighbours from link-local addresses and from none at all.
var always = []Protected{
	{"loopback", addrset.Of(netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"))},
	{"IPv6 neighbour discovery", addrset.Of(netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("::/128"))},
}

const management = "in a management network"

// Protect asks the node for what it must not block. Management networks are the caller's to know.
func Protect(ctx context.Context, h *host.Host, managed []netip.Prefix) ([]Protected, error) {
	own, err := ownAddresses(ctx, h)
	if err != nil {
		return nil, err
	}
	gateways, err := gateways(ctx, h)
	if err != nil {
		return nil, err
	}
	clients, err := sshClients(ctx, h)
	if err != nil {
		return nil, err
	}
	return append(always[:len(always):len(always)],
		Protected{"an address of this node", own},
		Protected{"the default gateway", gateways},
		Protected{"an SSH client that is connected now", clients},
		Protected{management, addrset.Of(managed...)}), nil
}

func ownAddresses(ctx context.Context, h *host.Host) (addrset.Set, error) {
	var links []struct {
		Addresses []struct {
			Local netip.Addr `json:"local"`
		} `json:"addr_info"`
	}
	if err := ask(ctx, h, &links, "ip", "-j", "addr", "show"); err != nil {
		return addrset.Set{}, err
	}
	var all []netip.Prefix
	for _, l := range links {
		for _, a := range l.Addresses {
			all = append(all, single(a.Local)...)
		}
	}
	return addrset.Of(all...), nil
}

func gateways(ctx context.Context, h *host.Host) (addrset.Set, error) {
	type hop struct {
		Gateway netip.Addr `json:"gateway"`
		Via     struct {
			Host netip.Addr `json:"host"`
		} `json:"via"`
	}
	var all []netip.Prefix
	for _, family := range []string{"-4", "-6"} {
		var routes []struct {
			hop
			NextHops []hop `json:"nexthops"`
		}
		if err := ask(ctx, h, &routes, "ip", "-j", family, "route", "show", "default"); err != nil {
			return addrset.Set{}, err
		}
		for _, r := range routes {
			for _, n := range append(r.NextHops, r.hop) {
				all = append(all, single(n.Gateway, n.Via.Host)...)
			}
		}
	}
	return addrset.Of(all...), nil
}

// ask reads what a command prints as JSON; nothing printed is nothing there.
func ask(ctx context.Context, h *host.Host, into any, args ...string) error {
	out, err := h.Run(ctx, args...)
	if err != nil || len(out) == 0 {
		return err
	}
	if err := json.Unmarshal(out, into); err != nil {
		return fmt.Errorf("read what %s printed: %w", strings.Join(args, " "), err)
	}
	return nil
}

func sshClients(ctx context.Context, h *host.Host) (addrset.Set, error) {
	open, err := session.Open(ctx, h)
	var all []netip.Prefix
	for _, client := range open {
		all = append(all, single(client.Addr())...)
	}
	return addrset.Of(all...), err
}

// single are the networks of just these addresses, those that are none left out.
func single(addresses ...netip.Addr) []netip.Prefix {
	var all []netip.Prefix
	for _, a := range addresses {
		if a.IsValid() {
			a = a.Unmap().WithZone("")
			all = append(all, netip.PrefixFrom(a, a.BitLen()))
		}
	}
	return all
}

// ErrLockout is in the error of a list that would cut somebody off.
var ErrLockout = errors.New("it would lock somebody out")

// guard refuses a list with protected addresses, other than those that may be blocked anyway.
func (d Desired) guard(h *host.Host, list addrset.Set, protected []Protected) error {
	var wrong []error
	for _, p := range protected {
		hit := list.Intersect(p.Set).Except(d.told(p))
		if hit.IsEmpty() {
			continue
		}
		lines, err := Where(h, d.Sources, d.Texts, hit)
		if err != nil {
			return err
		}
		for _, l := range append(lines, d.Quarantine.lines(hit)...) {
			wrong = append(wrong, fmt.Errorf("%s blocks %s, which is %s", l, l.Address, p.Why))
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return fmt.Errorf("the list is refused, %w:\n%w\nhint: whitelist these addresses, or name each in block_anyway", ErrLockout, errors.Join(wrong...))
}

// told are the addresses that somebody said may be blocked, each by its name. To put an address into quarantine is to say
// so for one within a management network, such as a node of the mesh that misbehaves.
func (d Desired) told(p Protected) addrset.Set {
	told := addrset.Of(d.BlockAnyway...)
	if p.Why == management {
		told = told.Union(d.Quarantine.set())
	}
	return told
}

// firstOf is the first address of a set, as text.
func firstOf(s addrset.Set) string {
	for p := range s.Prefixes() {
		return p.Addr().String()
	}
	return ""
}
