package addrset

import (
	"iter"
	"net/netip"
)

// Ranges are the ranges as text, IPv4 before IPv6, ascending: 192.0.2.1, 192.0.2.0/24 or 192.0.2.1-192.0.2.9.
func (s Set) Ranges() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, r := range s.V4 {
			if !yield(r.String()) {
				return
			}
		}
		for r := range written6(s.V6) {
			if _, _, more := r.prefix(); more && r.Last == mapped.Last {
				r.Last = mapped.First.minus(one6)
			}
			if !yield(r.String()) {
				return
			}
		}
	}
}

// String is the address, the CIDR, or first and last address with a hyphen between.
func (r Range4) String() string {
	b, _ := r.AppendText(nil)
	return string(b)
}

// AppendText appends what String returns. The error is always nil.
func (r Range4) AppendText(b []byte) ([]byte, error) {
	if length, _, more := r.prefix(); !more {
		return appendPrefix(b, netip.PrefixFrom(addr4(r.First), length)), nil
	}
	b = append(addr4(r.First).AppendTo(b), '-')
	return addr4(r.Last).AppendTo(b), nil
}

// String is the address, the CIDR, or first and last address with a hyphen between.
func (r Range6) String() string {
	b, _ := r.AppendText(nil)
	return string(b)
}

// AppendText appends what String returns. The error is always nil.
func (r Range6) AppendText(b []byte) ([]byte, error) {
	if length, _, more := r.prefix(); !more {
		return appendPrefix(b, netip.PrefixFrom(r.First.Netip(), length)), nil
	}
	b = append(r.First.Netip().AppendTo(b), '-')
	return r.Last.Netip().AppendTo(b), nil
}
