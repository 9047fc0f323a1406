package update

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// maxAliases bounds a chain of aliases.
const maxAliases = 8

// errNotServed is of a name that a server knows nothing of.
var errNotServed = errors.New("it has no zone of this name")

// located finds the zone of each item by asking for the SOA of its name, which answers with the zone's whatever is at the
// name: no zone is assumed to be as long as an address's octets. At a reverse name an alias is followed (RFC 2317).
func (r *run) located(ctx context.Context, items []*item) map[string][]*item {
	unknown := slices.DeleteFunc(slices.Clone(items), func(it *item) bool { return it.zone != "" })
	first, siblings := unknown, []*item(nil)
	if !r.asks {
		first, siblings = split(unknown)
	}
	r.locateAll(ctx, first)
	r.locateAll(ctx, assume(first, siblings))
	zones := map[string][]*item{}
	for _, it := range items {
		if it.zone != "" && !it.finished {
			zones[it.zone] = append(zones[it.zone], it)
		}
	}
	return zones
}

// split is what must be asked for, and names that are to be added beside one of those.
func split(items []*item) (first, siblings []*item) {
	seen := map[string]bool{}
	for _, it := range items {
		if above := parent(it.name); it.add && !it.used && seen[above] {
			siblings = append(siblings, it)
		} else {
			seen[above] = true
			first = append(first, it)
		}
	}
	return first, siblings
}

// assume gives names that are right below a zone that was found to that zone, without asking, and returns the others. If a
// name is not used, as its update will demand, it is no other zone's and no alias: those are records at the name.
func assume(found, siblings []*item) (others []*item) {
	zones := map[string]bool{}
	for _, it := range found {
		zones[it.zone] = true
	}
	for _, it := range siblings {
		if above := parent(it.name); zones[above] {
			it.zone, it.assumed = above, true
		} else {
			others = append(others, it)
		}
	}
	return others
}

func parent(name string) string {
	_, above, _ := strings.Cut(name, ".")
	return above
}

// locateAll asks one server after the other.
func (r *run) locateAll(ctx context.Context, unknown []*item) {
	errs := map[*item][]error{}
	for _, server := range slices.Clone(r.servers) {
		if unknown = r.locate(ctx, server, unknown, errs); len(unknown) == 0 {
			break
		}
	}
	for _, it := range unknown {
		it.notLocated(errs[it])
	}
}

// notLocated ends an item that no server has a zone for. While one has not answered, that is not known.
func (it *item) notLocated(errs []error) {
	err := errors.Join(errs...)
	var key *KeyError
	switch {
	case slices.ContainsFunc(errs, func(err error) bool { return !permanent(err) && !errors.Is(err, errNotServed) }):
		it.again(err)
	case it.target != "" && !errors.As(err, &key):
		it.finish(NotServed, err)
	default:
		it.finish(Refused, err)
	}
}

// permanent reports whether no further try will do: no server that was asked accepts the key.
func permanent(err error) bool {
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		return !slices.ContainsFunc(all.Unwrap(), func(err error) bool { return !permanent(err) })
	}
	var key *KeyError
	return errors.As(err, &key)
}

// locate asks one server for the zones of items, and returns those that it does not have.
func (r *run) locate(ctx context.Context, server netip.AddrPort, items []*item, errs map[*item][]error) []*item {
	todo, unknown := items, []*item(nil)
	for range maxAliases {
		if len(todo) == 0 {
			break
		}
		answers, err := r.exchange(ctx, server, questions(todo, dns.TypeSOA)...)
		if err != nil {
			for _, it := range todo {
				errs[it] = append(errs[it], err)
			}
			return append(unknown, todo...)
		}
		r.prefer(server)
		var aliases []*item
		for i, it := range todo {
			switch alias, err := it.zoneIn(server, answers[i]); {
			case err != nil:
				errs[it] = append(errs[it], err)
				unknown = append(unknown, it)
			case alias:
				aliases = append(aliases, it)
			}
		}
		todo = aliases
	}
	for _, it := range todo {
		errs[it] = append(errs[it], fmt.Errorf("%s: %w: more than %d aliases", bare(it.given), errNotServed, maxAliases))
	}
	return append(unknown, todo...)
}

func questions(items []*item, kinds ...uint16) []*dns.Msg {
	all := make([]*dns.Msg, 0, len(items)*len(kinds))
	for _, it := range items {
		for _, kind := range kinds {
			all = append(all, question(it.name, kind))
		}
	}
	return all
}

// prefer has a server that answered asked first from now on.
func (r *run) prefer(server netip.AddrPort) {
	if i := slices.Index(r.servers, server); i > 0 {
		r.servers = slices.Insert(slices.Delete(r.servers, i, i+1), 0, server)
	}
}

// zoneIn takes the zone of an item from the answer for its SOA, or the name that it leads to.
func (it *item) zoneIn(server netip.AddrPort, m *dns.Msg) (alias bool, err error) {
	if err := wrong(server, m); err != nil && m.Rcode != dns.RcodeRefused {
		return false, err
	}
	if !m.Authoritative || m.Rcode == dns.RcodeRefused {
		return false, fmt.Errorf("%s: %w", server, errNotServed)
	}
	for _, r := range m.Answer {
		if c, ok := r.(*dns.CNAME); ok && it.target != "" && strings.EqualFold(c.Hdr.Name, it.name) {
			it.name = dns.CanonicalName(c.Target)
			return true, nil
		}
	}
	for _, r := range slices.Concat(m.Answer, m.Ns) {
		if soa, ok := r.(*dns.SOA); ok && !builtIn(soa) && dns.IsSubDomain(soa.Hdr.Name, it.name) {
			// Whoever answers may be behind: that a name is not used is a prerequisite of adding it, but no reason not to remove it.
			it.zone, it.used = dns.CanonicalName(soa.Hdr.Name), m.Rcode != dns.RcodeNameError || !it.add
			return false, nil
		}
	}
	return false, fmt.Errorf("%s: %w", server, errNotServed)
}

// builtIn reports whether a zone is one of the empty ones that named has for private addresses.
func builtIn(soa *dns.SOA) bool { return soa.Mbox == "." && soa.Serial == 0 }
