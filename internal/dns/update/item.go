package update

import (
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"
)

const refused = dns.RcodeRefused

// item is what is to be done at one name: the addresses of a host, or the pointer of an address.
type item struct {
	change  int // number of the Change that it is part of
	add     bool
	given   string // the name, with a dot at the end
	name    string // the same, where aliases of a reverse zone lead
	addrs   []netip.Addr
	target  string // of a pointer, with a dot at the end; "" for a host
	ttl     uint32
	owner   Identity
	zone    string // that the name is in, once it is known
	used    bool   // there is something at the name, or may be
	assumed bool   // the zone was not asked for, and is right only if the name is not used
	removed []netip.Addr

	tries     int       // updates that were not made since something was not as it looked
	refusedAt time.Time // when it was refused first, by a pair that may be changing its roles
	taken     bool      // a server has accepted it
	trouble   error     // why it must be tried again
	finished  bool
	record    Record
}

func newItem(number int, c Change) *item {
	name := dns.CanonicalName(c.Name)
	return &item{change: number, add: c.Add, given: name, name: name, addrs: c.Addresses, ttl: c.TTL, owner: c.Owner}
}

// dhcid is the record that says whose the name is. That of a reverse name is made of the reverse name: an owner may call a
// host otherwise and still move its pointer.
func (it *item) dhcid() *dns.DHCID {
	return &dns.DHCID{Hdr: it.header(dns.TypeDHCID), Digest: it.owner.dhcid(it.name)}
}

func (it *item) header(kind uint16) dns.RR_Header {
	return dns.RR_Header{Name: it.name, Rrtype: kind, Class: dns.ClassINET, Ttl: it.ttl}
}

func (it *item) address(a netip.Addr) dns.RR {
	if a.Is4() {
		return &dns.A{Hdr: it.header(dns.TypeA), A: a.AsSlice()}
	}
	return &dns.AAAA{Hdr: it.header(dns.TypeAAAA), AAAA: a.AsSlice()}
}

func (it *item) pointer(target string) *dns.PTR {
	return &dns.PTR{Hdr: it.header(dns.TypePTR), Ptr: target}
}

// again has an item tried in the next round, which reads what there is by then: the last try may have done its work unseen.
func (it *item) again(err error) {
	it.trouble, it.used = err, true
	if it.assumed {
		it.zone, it.assumed = "", false
	}
}

func (it *item) finish(result Result, err error) {
	why := ""
	if err != nil {
		why = err.Error()
	}
	it.end(result, why)
	it.record.Err = err
}

func (it *item) end(result Result, why string) {
	it.finished = true
	if result == Unchanged && it.taken {
		result = Done // by an earlier round of the same run
	}
	it.record.Name, it.record.Zone, it.record.Result, it.record.Why = bare(it.name), bare(it.zone), result, why
}

// followers are the pointers that a host's addresses need, once the host has them or has them no more.
func (it *item) followers(c Change) []*item {
	if c.NoPTR || it.target != "" || it.record.Result > Done {
		return nil
	}
	addrs := it.addrs
	if !it.add {
		addrs = slices.Compact(slices.SortedFunc(slices.Values(slices.Concat(addrs, it.removed)), netip.Addr.Compare))
	}
	var all []*item
	for _, a := range addrs {
		name := reverseName(a)
		all = append(all, &item{change: it.change, add: it.add, given: name, name: name, addrs: []netip.Addr{a},
			target: it.given, ttl: it.ttl, owner: it.owner})
	}
	return all
}
