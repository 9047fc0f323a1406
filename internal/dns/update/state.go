package update

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// state is what is at a name.
type state struct {
	alias    bool
	dhcid    []dns.RR
	hosts    []dns.RR // A and AAAA
	pointers []dns.RR
	stale    bool // of pointers: none leads to a name that has the address
}

// read asks a server what is at the names of items. Of a name that was not in use it asks nothing: the prerequisite of the
// update does.
func (r *run) read(ctx context.Context, server netip.AddrPort, items []*item) (map[*item]*state, error) {
	states := map[*item]*state{}
	var hosts, pointers []*item
	for _, it := range items {
		states[it] = &state{}
		switch {
		case !it.used:
		case it.target == "":
			hosts = append(hosts, it)
		default:
			pointers = append(pointers, it)
		}
	}
	if err := r.ask(ctx, server, states, hosts, dns.TypeDHCID, dns.TypeA, dns.TypeAAAA); err != nil {
		return nil, err
	}
	if err := r.ask(ctx, server, states, pointers, dns.TypeDHCID, dns.TypePTR); err != nil {
		return nil, err
	}
	return states, r.askTargets(ctx, server, states, pointers)
}

func (r *run) ask(ctx context.Context, server netip.AddrPort, states map[*item]*state, items []*item, kinds ...uint16) error {
	if len(items) == 0 {
		return nil
	}
	answers, err := r.exchange(ctx, server, questions(items, kinds...)...)
	if err != nil {
		return err
	}
	for i, m := range answers {
		if err := wrong(server, m); err != nil {
			return err
		}
		it := items[i/len(kinds)]
		states[it].add(it.name, m.Answer)
	}
	return nil
}

func (s *state) add(name string, records []dns.RR) {
	for _, r := range records {
		if !strings.EqualFold(r.Header().Name, name) {
			continue // where an alias leads
		}
		switch r.(type) {
		case *dns.CNAME:
			s.alias = true
		case *dns.DHCID:
			s.dhcid = append(s.dhcid, r)
		case *dns.A, *dns.AAAA:
			s.hosts = append(s.hosts, r)
		case *dns.PTR:
			s.pointers = append(s.pointers, r)
		}
	}
}

// askTargets finds out which pointers lead to names that do not have the address any more. A name that the server is not
// asked for in vain only: what it cannot say for sure, is not stale.
func (r *run) askTargets(ctx context.Context, server netip.AddrPort, states map[*item]*state, items []*item) error {
	var messages []*dns.Msg
	var of []*state
	var want []netip.Addr
	for _, it := range items {
		s := states[it]
		if !it.add || len(s.pointers) == 0 || it.owns(s) {
			continue
		}
		s.stale = true
		for _, p := range s.pointers {
			kind := dns.TypeAAAA
			if it.addrs[0].Is4() {
				kind = dns.TypeA
			}
			messages, of, want = append(messages, question(p.(*dns.PTR).Ptr, kind)), append(of, s), append(want, it.addrs[0])
		}
	}
	if len(messages) == 0 {
		return nil
	}
	answers, err := r.exchange(ctx, server, messages...)
	for i, m := range answers {
		if m == nil || wrong(server, m) != nil || !m.Authoritative || slices.ContainsFunc(m.Answer, has(want[i])) {
			of[i].stale = false
		}
	}
	return err
}

// has says of a record whether it is this address, or an alias, which may lead to it.
func has(a netip.Addr) func(dns.RR) bool {
	return func(r dns.RR) bool {
		_, alias := r.(*dns.CNAME)
		return alias || addressOf(r) == a
	}
}

func addressOf(r dns.RR) netip.Addr {
	var a netip.Addr
	switch r := r.(type) {
	case *dns.A:
		a, _ = netip.AddrFromSlice(r.A) // no address is nobody's
	case *dns.AAAA:
		a, _ = netip.AddrFromSlice(r.AAAA)
		return a
	}
	return a.Unmap()
}

// owns reports whether a name is the item's owner's.
func (it *item) owns(s *state) bool {
	return len(s.dhcid) == 1 && s.dhcid[0].(*dns.DHCID).Digest == it.dhcid().Digest
}
