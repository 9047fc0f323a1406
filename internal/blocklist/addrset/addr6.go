package addrset

import (
	"cmp"
	"encoding/binary"
	"math"
	"math/bits"
	"net/netip"
)

// Addr6 is an IPv6 address as a number: Hi is its first eight bytes, Lo its last.
type Addr6 struct{ Hi, Lo uint64 }

// Addr6Of is the number of an address; an IPv4 address is taken in its mapped form.
func Addr6Of(a netip.Addr) Addr6 {
	b := a.As16()
	return Addr6{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// Netip is the address in the form of the standard library.
func (a Addr6) Netip() netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], a.Hi)
	binary.BigEndian.PutUint64(b[8:], a.Lo)
	return netip.AddrFrom16(b)
}

// Compare is -1, 0 or 1, as a is less than, equal to or more than b.
func (a Addr6) Compare(b Addr6) int {
	if a.Hi != b.Hi {
		return cmp.Compare(a.Hi, b.Hi)
	}
	return cmp.Compare(a.Lo, b.Lo)
}

func (a Addr6) less(b Addr6) bool { return a.Hi < b.Hi || a.Hi == b.Hi && a.Lo < b.Lo }

// plus and minus wrap around, as those of unsigned integers do.
func (a Addr6) plus(b Addr6) Addr6 {
	lo, carry := bits.Add64(a.Lo, b.Lo, 0)
	hi, _ := bits.Add64(a.Hi, b.Hi, carry)
	return Addr6{hi, lo}
}

func (a Addr6) minus(b Addr6) Addr6 {
	lo, borrow := bits.Sub64(a.Lo, b.Lo, 0)
	hi, _ := bits.Sub64(a.Hi, b.Hi, borrow)
	return Addr6{hi, lo}
}

var one6 = Addr6{Lo: 1}

// hostMask6 has the bits set that a prefix of this length leaves to the host.
func hostMask6(length int) Addr6 {
	if length < 64 {
		return Addr6{math.MaxUint64 >> length, math.MaxUint64}
	}
	return Addr6{0, math.MaxUint64 >> (length - 64)}
}

// trailingZeros is how many of the lowest bits are zero, 128 at most.
func (a Addr6) trailingZeros() int {
	if a.Lo != 0 {
		return bits.TrailingZeros64(a.Lo)
	}
	return 64 + bits.TrailingZeros64(a.Hi)
}

// bitLen is how many bits it takes to write the number.
func (a Addr6) bitLen() int {
	if a.Hi != 0 {
		return 64 + bits.Len64(a.Hi)
	}
	return bits.Len64(a.Lo)
}
