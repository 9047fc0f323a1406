// Package addrset is sets of IPv4 and IPv6 addresses: it reads them from lists as people and feeds write them, adds and
// subtracts them, and writes them as text and as bytes. It is pure arithmetic: it knows no files and no firewall, and it
// looks no name up.
//
// An IPv4-mapped IPv6 address (::ffff:a.b.c.d) always means the IPv4 address. So no set holds ::ffff:0:0/96 among its IPv6
// addresses, not even ::/0; it is written as ::/0 all the same. Linux drops packets from there before any firewall sees them.
package addrset

import (
	"net/netip"
	"slices"
)

// Range4 is the IPv4 addresses from First to Last, both included.
type Range4 struct{ First, Last uint32 }

// Range6 is the IPv6 addresses from First to Last, both included.
type Range6 struct{ First, Last Addr6 }

// Set is a set of addresses. Its ranges ascend, and between two of them there is at least one address, so that equal sets
// have equal ranges. Sets share their ranges with sets made from them: who changes a range in place changes both. The zero
// value is the empty set.
type Set struct {
	V4 []Range4
	V6 []Range6
}

// Of is the set of all addresses of the prefixes. Host bits in them are ignored, and so are invalid ones.
func Of(prefixes ...netip.Prefix) Set {
	var g gathered
	for _, p := range prefixes {
		if p.IsValid() {
			g.add(spanOf(p.Addr(), p.Bits()))
		}
	}
	return g.set()
}

// Union is what is in s or in o.
func (s Set) Union(o Set) Set { return Set{union(s.V4, o.V4), union(s.V6, o.V6)} }

// Except is what is in s and not in o. A range with a hole becomes two.
func (s Set) Except(o Set) Set { return Set{except(s.V4, o.V4), except(s.V6, o.V6)} }

// Intersect is what is both in s and in o.
func (s Set) Intersect(o Set) Set {
	return Set{slices.Collect(common(s.V4, o.V4)), slices.Collect(common(s.V6, o.V6))}
}

// Overlaps says whether any address is both in s and in o.
func (s Set) Overlaps(o Set) bool {
	for range common(s.V4, o.V4) {
		return true
	}
	for range common(s.V6, o.V6) {
		return true
	}
	return false
}

// Contains says whether the address is in the set. A zone is ignored, and the invalid address is in none.
func (s Set) Contains(a netip.Addr) bool {
	if a = a.Unmap(); a.Is4() {
		v := value4(a)
		return holds(s.V4, Range4{v, v})
	}
	v := Addr6Of(a)
	return a.Is6() && holds(s.V6, Range6{v, v})
}

// Equal says whether both have the same addresses.
func (s Set) Equal(o Set) bool { return slices.Equal(s.V4, o.V4) && slices.Equal(s.V6, o.V6) }

// IsEmpty says whether there is no address in the set.
func (s Set) IsEmpty() bool { return len(s.V4) == 0 && len(s.V6) == 0 }
