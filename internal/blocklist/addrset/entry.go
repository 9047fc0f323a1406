package addrset

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"
)

const blanks = " \t\r\v\f"

// entry is what one line says. Taken is the network when the entry names an address in it instead.
type entry struct {
	first, last netip.Addr
	taken       string
}

// parse reads an entry. The error is a sentence for Rejected.Why.
func parse(text string) (entry, error) {
	if addr, length, ok := strings.Cut(text, "/"); ok {
		return parsePrefix(addr, length)
	}
	if first, last, ok := strings.Cut(text, "-"); ok {
		return parseRange(strings.Trim(first, blanks), strings.Trim(last, blanks))
	}
	a, err := parseAddr(text)
	return entry{first: a, last: a}, err
}

func parseAddr(text string) (netip.Addr, error) {
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return netip.Addr{}, errors.New(wrongAddress(text))
	}
	return a.Unmap(), nil
}

func parseRange(first, last string) (entry, error) {
	a, err := parseAddr(first)
	if err != nil {
		return entry{}, err
	}
	b, err := parseAddr(last)
	switch {
	case err != nil:
		return entry{}, err
	case a.Is4() != b.Is4():
		return entry{}, errors.New("a range from IPv4 to IPv6: write two ranges")
	case b.Less(a):
		return entry{}, errors.New("the range ends before it begins: write the lesser address first")
	}
	return entry{first: a, last: b}, nil
}

func parsePrefix(addr, length string) (entry, error) {
	if strings.Contains(addr, "-") || strings.Contains(length, "-") {
		return entry{}, errors.New("a range of networks: write the first and the last address of the range")
	}
	a, err := netip.ParseAddr(addr)
	if err != nil || a.Zone() != "" {
		return entry{}, errors.New(wrongAddress(addr))
	}
	bits, err := parseLength(length, a.BitLen())
	if err != nil {
		return entry{}, err
	}
	if a.Is4In6() && bits < 96 {
		return entry{}, errors.New("an IPv4-mapped network shorter than /96 is neither IPv4 nor IPv6: write the IPv4 network, such as 10.0.0.0/8")
	}
	return network(a, bits), nil
}

// network is all addresses that share so many bits with a.
func network(a netip.Addr, bits int) entry {
	e := entry{}
	e.first, e.last = spanOf(a, bits)
	if a = a.Unmap(); a != e.first {
		e.taken = e.first.String() + "/" + strconv.Itoa(bits-max(0, bits-a.BitLen()))
	}
	return e
}

// spanOf is the first and the last address of a prefix. One within the mapped addresses is IPv4.
func spanOf(a netip.Addr, bits int) (first, last netip.Addr) {
	if a.Is4In6() && bits >= 96 {
		a, bits = a.Unmap(), bits-96
	}
	if a.Is4() {
		host := uint32(uint64(1)<<(32-bits) - 1)
		v := value4(a)
		return addr4(v &^ host), addr4(v | host)
	}
	host, v := hostMask6(bits), Addr6Of(a)
	return Addr6{v.Hi &^ host.Hi, v.Lo &^ host.Lo}.Netip(), Addr6{v.Hi | host.Hi, v.Lo | host.Lo}.Netip()
}

func parseLength(text string, most int) (int, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	switch {
	case err != nil && !errors.Is(err, strconv.ErrRange):
		return 0, fmt.Errorf("the prefix length is no number: write one from 0 to %d, such as 192.0.2.0/24", most)
	case err != nil || n > uint64(most):
		return 0, fmt.Errorf("the prefix length is more than %d: write one from 0 to %d", most, most)
	case strconv.FormatUint(n, 10) != text:
		return 0, fmt.Errorf("the prefix length begins with 0: write /%d", n)
	}
	return int(n), nil
}

// wrongAddress says why text is no address that can be taken.
func wrongAddress(text string) string {
	return "no IP address"
}

// shortened bounds what is kept of a long entry.
func shortened(b []byte) []byte { return b[:min(len(b), 200)] }

func shorten(text string) string {
	const most = 80
	if len(text) <= most {
		return text
	}
	b := []byte(text[:most])
	for len(b) > 0 && !utf8.Valid(b[max(0, len(b)-4):]) && bytes.IndexByte(b, 0) < 0 {
		b = b[:len(b)-1]
	}
	return string(b) + "…"
}
