package addrset

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
)

// maxLine is what is looked at of a line, and maxEntry is longer than any entry can sensibly be.
const (
	maxLine  = 64 << 10
	maxEntry = 200
)

// entry is what one line says. It is loose when it names a network by an address in it that is not its first.
type entry struct {
	first, last netip.Addr
	loose       bool
}

// taken is the entry as it is taken, for a warning.
func (e entry) taken() string {
	if e.first.Is4() {
		return Range4{value4(e.first), value4(e.last)}.String()
	}
	return Range6{Addr6Of(e.first), Addr6Of(e.last)}.String()
}

var errLong = errors.New("longer than any entry: write one entry a line, and # before a comment")

// entryOf is a line without its comment and the blanks around. It is an error, with the beginning of the line as its text,
// when the line is too long to hold an entry.
func entryOf(line []byte) (string, error) {
	long := len(line) > maxLine
	line = line[:min(len(line), maxLine)]
	for i, c := range line {
		if c == '#' || c == ';' {
			line, long = line[:i], false
			break
		}
	}
	line = trim(line)
	if long || len(line) > maxEntry {
		return string(line[:min(len(line), maxEntry)]), errLong
	}
	return string(line), nil
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f' }

func trim[T string | []byte](text T) T {
	for len(text) > 0 && isBlank(text[0]) {
		text = text[1:]
	}
	for len(text) > 0 && isBlank(text[len(text)-1]) {
		text = text[:len(text)-1]
	}
	return text
}

var byteOrderMark = []byte("\ufeff")

// slow reads a line of any kind.
func (r *Reader) slow(line []byte) {
	if r.line == 1 {
		line = bytes.TrimPrefix(line, byteOrderMark)
	}
	text, err := entryOf(line)
	if text == "" && err == nil {
		return
	}
	e := entry{}
	if err == nil {
		e, err = parse(text)
	}
	if err != nil {
		r.reject(text, err)
		return
	}
	r.gathered.add(e.first, e.last)
	if e.loose {
		r.warn(text, e)
	}
}

// parse reads an entry. The error says for Rejected.Why what is wrong and what to do.
func parse(text string) (entry, error) {
	if addr, length, ok := strings.Cut(text, "/"); ok {
		return parsePrefix(addr, length)
	}
	if first, last, ok := strings.Cut(text, "-"); ok {
		return parseRange(trim(first), trim(last))
	}
	a, err := parseAddr(text)
	a = a.Unmap()
	return entry{first: a, last: a}, err
}

func parseAddr(text string) (netip.Addr, error) {
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return netip.Addr{}, errors.New(wrongAddress(text))
	}
	return a, nil
}

func parseRange(first, last string) (entry, error) {
	a, err := parseAddr(first)
	if err != nil {
		return entry{}, err
	}
	b, err := parseAddr(last)
	if err != nil {
		return entry{}, err
	}
	a, b = a.Unmap(), b.Unmap()
	switch {
	case a.Is4() != b.Is4():
		return entry{}, errors.New("a range from one family to the other: write a range of IPv4 and one of IPv6")
	case b.Less(a):
		return entry{}, errors.New("the range ends before it begins: write the lower address first")
	}
	return entry{first: a, last: b}, nil
}

func parsePrefix(addr, length string) (entry, error) {
	if strings.Contains(addr, "-") || strings.Contains(length, "-") {
		return entry{}, errors.New("a range of networks: write the first and the last address, such as 192.0.2.0-192.0.2.9")
	}
	a, err := parseAddr(addr)
	if err != nil {
		return entry{}, err
	}
	bits, err := parseLength(length, a.BitLen())
	if err != nil {
		return entry{}, err
	}
	if a.Is4In6() && bits < 96 {
		return entry{}, errors.New("a network of IPv4-mapped addresses has /96 or more: write the IPv4 network")
	}
	first, last := spanOf(a, bits)
	return entry{first, last, a.Unmap() != first}, nil
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
