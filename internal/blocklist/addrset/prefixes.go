package addrset

import (
	"encoding/binary"
	"iter"
	"math/bits"
	"net/netip"
)

// Prefixes are the fewest CIDRs that are the set, IPv4 before IPv6, ascending.
func (s Set) Prefixes() iter.Seq[netip.Prefix] {
	return func(yield func(netip.Prefix) bool) {
		for _, r := range s.V4 {
			for rest, more := r, true; more; {
				var length int
				first := rest.First
				length, rest, more = rest.prefix()
				if !yield(netip.PrefixFrom(addr4(first), length)) {
					return
				}
			}
		}
		for r := range written6(s.V6) {
			for rest, more := r, true; more; {
				var length int
				first := rest.First
				length, rest, more = rest.prefix()
				if !isMapped(first, length) && !yield(netip.PrefixFrom(first.Netip(), length)) {
					return
				}
			}
		}
	}
}

// prefix is the length of the largest prefix at the beginning of the range, and the rest of the range, if there is one.
func (r Range4) prefix() (length int, rest Range4, more bool) {
	size := min(bits.TrailingZeros32(r.First), bits.Len64(uint64(r.Last-r.First)+1)-1)
	last := r.First | uint32(1<<size-1)
	return 32 - size, Range4{last + 1, r.Last}, last < r.Last
}

func (r Range6) prefix() (length int, rest Range6, more bool) {
	size := 128
	if extent := r.Last.minus(r.First); extent != hostMask6(0) {
		size = min(r.First.trailingZeros(), extent.plus(one6).bitLen()-1)
	}
	last := r.First.plus(hostMask6(128 - size))
	return 128 - size, Range6{last.plus(one6), r.Last}, last.less(r.Last)
}

// mapped is ::ffff:0:0/96, whose addresses mean IPv4.
var mapped = Range6{Addr6{0, 0xffff_0000_0000}, Addr6{0, 0xffff_ffff_ffff}}

func isMapped(first Addr6, length int) bool {
	return length >= 96 && !first.less(mapped.First) && !mapped.Last.less(first)
}

// written6 are the ranges as they are to be written: the mapped addresses, which no set holds, are taken along behind a range
// that ends before them, so that ::/0 is ::/0 and ::/80 is ::/80. A prefix that is within them is then to be left out.
func written6(ranges []Range6) iter.Seq[Range6] {
	return func(yield func(Range6) bool) {
		for i := 0; i < len(ranges); i++ {
			r := ranges[i]
			if r.Last.plus(one6) == mapped.First {
				r.Last = mapped.Last
				if i+1 < len(ranges) && mapped.Last.plus(one6) == ranges[i+1].First {
					i++
					r.Last = ranges[i].Last
				}
			}
			if !yield(r) {
				return
			}
		}
	}
}

func addr4(v uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], v)
	return netip.AddrFrom4(b)
}

func value4(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}
