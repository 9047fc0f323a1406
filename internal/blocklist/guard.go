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

// guard refuses block lists with protected addresses, other than those that may be blocked anyway, and an address that
// comes into quarantine now and is protected. Who was in quarantine before was let through before.
func (d Desired) guard(h *host.Host, o *Outcome, sources []string, before Quarantine, protected []Protected) error {
	anyway := addrset.Of(d.BlockAnyway...)
	var all addrset.Set
	for _, p := range protected {
		hit := o.base.Intersect(p.Set)
		all = all.Union(hit.Except(anyway))
		if let := hit.Intersect(anyway); !let.IsEmpty() && !d.KeepLists {
			o.Warnings = append(o.Warnings, fmt.Sprintf("%s, which is %s, is blocked because block_anyway says so", firstOf(let), p.Why))
		}
	}
	var wrong []error
	if !d.KeepLists && !all.IsEmpty() {
		lines, err := Where(h, sources, d.Texts, all)
		if err != nil {
			return err
		}
		wrong = append(wrong, d.refused(all, lines, protected)...)
	}
	wrong = append(wrong, d.Quarantine.refused(before, protected)...)
	if len(wrong) == 0 {
		return nil
	}
	return fmt.Errorf("refused, %w:\n%w", ErrLockout, errors.Join(wrong...))
}

// refused says which lines have which protected addresses. The addresses alone are reason enough: by now the lists may say
// something else.
func (d Desired) refused(hit addrset.Set, lines []addrset.Line, protected []Protected) []error {
	var wrong []error
	for _, l := range lines {
		for _, p := range protected {
			if of := l.Hit.Intersect(p.Set); !of.IsEmpty() {
				wrong = append(wrong, fmt.Errorf("%s blocks %s, which is %s", l, firstOf(of), p.Why))
			}
		}
	}
	if len(wrong) == 0 {
		wrong = append(wrong, fmt.Errorf("the lists block %s, and changed while they were read", firstOf(hit)))
	}
	return append(wrong, errors.New("hint: whitelist these addresses, or name each in block_anyway"))
}

// refused says which entries are new, protected and not forced. A node in a management network, such as one of the mesh that
// misbehaves, may be cut off by its name.
func (q Quarantine) refused(before Quarantine, protected []Protected) []error {
	var wrong []error
	for _, e := range q {
		if _, old := before.find(e.Address); old || e.Force {
			continue
		}
		for _, p := range protected {
			if p.Why != management && p.Set.Contains(e.Address) {
				wrong = append(wrong, fmt.Errorf("quarantine: %s is %s; force it if that is meant", e.Address, p.Why))
			}
		}
	}
	return wrong
}

// firstOf is the first address of a set, as text.
func firstOf(s addrset.Set) string {
	for p := range s.Prefixes() {
		return p.Addr().String()
	}
	return ""
}
