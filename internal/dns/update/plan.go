package update

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// step is what makes one item true: changes, and the prerequisites under which they may be made.
type step struct {
	it            *item
	prerequisites []dns.RR
	changes       []dns.RR
}

// decision is the step that an item needs, or how it ends without one.
type decision struct {
	step   *step
	result Result
	why    string
}

func unchanged() decision { return decision{result: Unchanged} }

func notOwner(why string) decision { return decision{result: NotOwner, why: why} }

func (it *item) step(prerequisites []dns.RR, changes ...dns.RR) decision {
	return decision{step: &step{it, prerequisites, changes}}
}

func (it *item) decide(s *state) decision {
	switch {
	case s.alias:
		return notOwner("it is an alias")
	case it.target != "" && it.add:
		return it.addPointer(s)
	case it.target != "":
		return it.removePointer(s)
	case it.add:
		return it.addHost(s)
	}
	return it.removeHost(s)
}

// addHost is RFC 4703, 5.3: the name is unused, or it is ours.
func (it *item) addHost(s *state) decision {
	if len(s.dhcid) == 0 && len(s.hosts) == 0 {
		return it.step([]dns.RR{NotUsed(it.name)}, append(it.hosts(nil), it.dhcid())...)
	}
	if !it.owns(s) {
		return notOwner(somebodys(s))
	}
	missing := it.hosts(s)
	if len(missing) == 0 {
		return unchanged()
	}
	return it.step(Exactly(it.dhcid()), missing...)
}

// hosts are the records of the addresses to add that a name does not have, or has with another time to live.
func (it *item) hosts(s *state) []dns.RR {
	var missing []dns.RR
	for _, a := range it.addrs {
		there := s != nil && slices.ContainsFunc(s.hosts, func(r dns.RR) bool { return addressOf(r) == a && r.Header().Ttl == it.ttl })
		if !there {
			missing = append(missing, it.address(a))
		}
	}
	return missing
}

func somebodys(s *state) string {
	if len(s.dhcid) == 0 {
		return "the name is in use, and no record says whose it is"
	}
	return "the name is somebody else's"
}

// removeHost takes addresses away, and with the last one the record that says whose the name is. It asks for all addresses
// to be what they were, so that of two who each remove one, the second sees that his is the last.
func (it *item) removeHost(s *state) decision {
	var gone, rest []dns.RR
	for _, r := range s.hosts {
		if len(it.addrs) == 0 || slices.Contains(it.addrs, addressOf(r)) {
			gone = append(gone, r)
		} else {
			rest = append(rest, r)
		}
	}
	owned := it.owns(s)
	switch {
	case len(gone) == 0 && !(owned && len(rest) == 0):
		return unchanged()
	case !owned:
		return notOwner(somebodys(s))
	}
	for _, r := range gone {
		it.removed = append(it.removed, addressOf(r))
	}
	changes := Delete(gone...)
	if len(rest) == 0 {
		changes = append(changes, Delete(it.dhcid())...)
	}
	return it.step(slices.Concat(Exactly(it.dhcid()), it.just(s.hosts, dns.TypeA, dns.TypeAAAA)), changes...)
}

// just are the prerequisites that of these types there is what was seen.
func (it *item) just(seen []dns.RR, kinds ...uint16) []dns.RR {
	var all []dns.RR
	for _, kind := range kinds {
		of := slices.DeleteFunc(slices.Clone(seen), func(r dns.RR) bool { return r.Header().Rrtype != kind })
		if len(of) == 0 {
			all = append(all, None(it.name, kind))
		}
		all = append(all, Exactly(of...)...)
	}
	return all
}

// addPointer makes an address lead to the host that has it. Somebody else's pointer is replaced only when it leads to this
// host anyway, which is ours by then, or to a name that no longer has the address.
func (it *item) addPointer(s *state) decision {
	ours, leads := it.owns(s), it.leadsToTarget(s)
	switch {
	case len(s.dhcid) == 0 && len(s.pointers) == 0:
		return it.step([]dns.RR{NotUsed(it.name)}, it.pointer(it.target), it.dhcid())
	case leads && len(s.pointers) == 1 && (len(s.dhcid) == 0 || ours && s.pointers[0].Header().Ttl == it.ttl):
		return unchanged()
	case ours:
		return it.step(Exactly(it.dhcid()), DeleteAll(it.name, dns.TypePTR), it.pointer(it.target))
	case leads || s.stale || len(s.pointers) == 0:
		return it.step(it.just(slices.Concat(s.pointers, s.dhcid), dns.TypePTR, dns.TypeDHCID),
			DeleteAll(it.name, dns.TypePTR), DeleteAll(it.name, dns.TypeDHCID), it.pointer(it.target), it.dhcid())
	}
	return notOwner(fmt.Sprintf("the address is that of %s", bare(s.pointers[0].(*dns.PTR).Ptr)))
}

func (it *item) removePointer(s *state) decision {
	switch {
	case !it.leadsToTarget(s):
		return unchanged()
	case !it.owns(s):
		return notOwner("the pointer is somebody else's")
	}
	changes := Delete(it.pointer(it.target))
	if len(s.pointers) == 1 {
		changes = append(changes, Delete(it.dhcid())...)
	}
	return it.step(slices.Concat(Exactly(it.dhcid()), it.just(s.pointers, dns.TypePTR)), changes...)
}

func (it *item) leadsToTarget(s *state) bool {
	return slices.ContainsFunc(s.pointers, func(r dns.RR) bool { return strings.EqualFold(r.(*dns.PTR).Ptr, it.target) })
}

// does says in words what a step changes.
func (s *step) does() []string {
	var all []string
	for _, r := range s.changes {
		h := r.Header()
		verb, data := "add", strings.TrimPrefix(r.String(), h.String())
		switch h.Class {
		case dns.ClassNONE:
			verb = "remove"
		case dns.ClassANY:
			verb, data = "remove", "all"
		}
		if h.Rrtype == dns.TypeDHCID {
			data = "of the owner"
		}
		all = append(all, fmt.Sprintf("%s %s %s", verb, dns.TypeToString[h.Rrtype], bare(strings.TrimSpace(data))))
	}
	return all
}

// decided reads what is at the names of items, and finds out what each needs.
func (r *run) decided(ctx context.Context, at netip.AddrPort, items []*item) (steps []*step, same []*item, err error) {
	states, err := r.read(ctx, at, items)
	if err != nil {
		return nil, nil, err
	}
	for _, it := range items {
		switch d := it.decide(states[it]); {
		case d.step != nil:
			it.record.Does = append(it.record.Does, d.step.does()...)
			steps = append(steps, d.step)
		case d.result == Unchanged:
			same = append(same, it)
		default:
			it.end(d.result, d.why)
		}
	}
	return steps, same, nil
}

// decidedIn looks at a zone and decides there.
func (r *run) decidedIn(ctx context.Context, zone string, items []*item) (v view, steps []*step, same []*item, err error) {
	if v, err = r.view(ctx, zone); err == nil {
		steps, same, err = r.decided(ctx, v.at, items)
	}
	return v, steps, same, err
}

// planned ends items as if what they need had been done.
func (r *run) planned(ctx context.Context, zone string, items []*item) {
	_, steps, same, err := r.decidedIn(ctx, zone, items)
	if err != nil {
		fail(items, err)
		return
	}
	for _, it := range same {
		it.end(Unchanged, "")
	}
	for _, s := range steps {
		s.it.end(Done, "")
	}
}
