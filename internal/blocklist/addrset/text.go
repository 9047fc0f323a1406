package addrset

import (
	"bufio"
	"io"
	"iter"
	"net/netip"
)

// WriteTo writes the set as Prefixes gives it, one CIDR a line. A single address has no /32 and no /128. Equal sets are
// written the same, and what is written reads back as an equal set.
func (s Set) WriteTo(w io.Writer) (int64, error) {
	buf := bufio.NewWriterSize(w, 1<<16)
	var total int64
	for p := range s.Prefixes() {
		line := append(appendPrefix(nil, p), '\n')
		n, err := buf.Write(line)
		total += int64(n)
		if err != nil {
			return total, err
		}
	}
	return total, buf.Flush()
}

func appendPrefix(b []byte, p netip.Prefix) []byte {
	if p.IsSingleIP() {
		return p.Addr().AppendTo(b)
	}
	return p.AppendTo(b)
}

// Ranges are the ranges as text, IPv4 before IPv6, ascending: 192.0.2.1, 192.0.2.0/24 or 192.0.2.1-192.0.2.9.
func (s Set) Ranges() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, r := range s.V4 {
			if !yield(r.String()) {
				return
			}
		}
		for _, r := range s.V6 {
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
