// Package sample makes lists of addresses as they are met in the wild, for tests and measurements: nearly all hosts, some of
// them neighbours, networks from /16 to /24, one line in ten said before, comments, nothing in order. The same arguments make
// the same list. It is not for production, and what is on a list means nothing.
package sample

import (
	"encoding/binary"
	"net/netip"
	"strconv"
)

// Block4 is a list of so many lines of IPv4.
func Block4(lines int, seed uint64) []byte { return block(family4{}, lines, seed) }

// Block6 is a list of so many lines of IPv6.
func Block6(lines int, seed uint64) []byte { return block(family6{}, lines, seed) }

// Allow4 is a whitelist for Block4(blocked, seed): most of it punches holes in what is blocked.
func Allow4(lines, blocked int, seed uint64) []byte { return allow(family4{}, lines, blocked, seed) }

// Allow6 is a whitelist for Block6(blocked, seed).
func Allow6(lines, blocked int, seed uint64) []byte { return allow(family6{}, lines, blocked, seed) }

// family makes addresses from random numbers.
type family interface {
	host(random uint64) netip.Addr
	near(a netip.Addr, offset uint64) netip.Addr // another one a few addresses away
	net(random uint64) netip.Prefix
	within(p netip.Prefix, random uint64) netip.Addr
	part(a netip.Addr) netip.Prefix // a small network
}

// maker draws from one list: what line i says depends on nothing but the seed and i, so that lines can refer to others.
type maker struct {
	family
	lines int
	seed  uint64
	out   []byte
}

func (m *maker) random(what, i int) uint64 {
	return splitmix(splitmix(m.seed^uint64(what)<<56) + uint64(i))
}

const (
	ofKind = iota + 1
	ofHost
	ofCluster
	ofNet
	ofWithin
	ofOther
)

func (m *maker) netOf(i int) netip.Prefix {
	return m.net(m.random(ofNet, i%max(1, m.lines*8/100)))
}

func (m *maker) hostOf(i int) netip.Addr { return m.host(m.random(ofHost, i)) }

// other is the number of any line.
func (m *maker) other(i int) int { return int(m.random(ofOther, i) % uint64(m.lines)) }

func (m *maker) inside(i int) netip.Addr {
	return m.within(m.netOf(m.other(i)), m.random(ofWithin, i))
}

func (m *maker) neighbour(i int) netip.Addr {
	return m.near(m.host(m.random(ofCluster, i/32)), m.random(ofWithin, i)%64)
}

func block(f family, lines int, seed uint64) []byte {
	m := &maker{family: f, lines: lines, seed: seed}
	for i := range lines {
		m.line(i, int(m.random(ofKind, i)%1000))
		m.out = append(m.out, '\n')
	}
	return m.out
}

// line writes one line; kind is out of a thousand.
func (m *maker) line(i, kind int) {
	switch {
	case kind < 15:
		m.out = append(m.out, "# seen on day "...)
		m.out = strconv.AppendInt(m.out, int64(i), 10)
	case kind < 20: // blank
	case kind < 45:
		m.out = append(m.hostOf(i).AppendTo(m.out), " # reported"...)
	case kind < 125:
		m.out = m.netOf(i).AppendTo(m.out)
	case kind < 225:
		m.out = m.hostOf(m.other(i)).AppendTo(m.out)
	case kind < 275:
		m.out = m.inside(i).AppendTo(m.out)
	case kind < 375:
		m.out = m.neighbour(i).AppendTo(m.out)
	default:
		m.out = m.hostOf(i).AppendTo(m.out)
	}
}

func allow(f family, lines, blocked int, seed uint64) []byte {
	m := &maker{family: f, lines: blocked, seed: seed}
	for i := range lines {
		at := blocked + i
		switch kind := m.random(ofKind, at) % 10; {
		case kind < 6:
			m.out = m.inside(at).AppendTo(m.out)
		case kind < 7:
			m.out = m.part(m.inside(at)).AppendTo(m.out)
		case kind < 9:
			m.out = m.hostOf(m.other(at)).AppendTo(m.out)
		default:
			m.out = m.hostOf(at).AppendTo(m.out)
		}
		m.out = append(m.out, '\n')
	}
	return m.out
}

// splitmix is a step of the generator splitmix64.
func splitmix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// netLength is a prefix length: the longest in seven of ten cases, and any from the shortest otherwise.
func netLength(random uint64, shortest, longest int) int {
	if random%10 < 7 {
		return longest
	}
	return shortest + int(random/10%uint64(longest-shortest))
}

type family4 struct{}

func addr4(v uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], v)
	return netip.AddrFrom4(b)
}

func value4(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

// host is from 1.0.0.0 to 223.255.255.255.
func (family4) host(random uint64) netip.Addr {
	return addr4(1<<24 + uint32(random>>32)%(223<<24))
}

func (family4) near(a netip.Addr, offset uint64) netip.Addr {
	return addr4(value4(a)&^63 + uint32(offset))
}

func (f family4) net(random uint64) netip.Prefix {
	return netip.PrefixFrom(f.host(random), netLength(random&0xffff, 16, 24)).Masked()
}

func (family4) within(p netip.Prefix, random uint64) netip.Addr {
	return addr4(value4(p.Addr()) + uint32(random%(1<<(32-p.Bits()))))
}

func (family4) part(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, 28).Masked() }

type family6 struct{}

func addr6(hi, lo uint64) netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], hi)
	binary.BigEndian.PutUint64(b[8:], lo)
	return netip.AddrFrom16(b)
}

func value6(a netip.Addr) (hi, lo uint64) {
	b := a.As16()
	return binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
}

// host is from 2000::/3.
func (family6) host(random uint64) netip.Addr {
	return addr6(random>>3|1<<61, splitmix(random))
}

func (family6) near(a netip.Addr, offset uint64) netip.Addr {
	hi, lo := value6(a)
	return addr6(hi, lo&^63+offset)
}

func (f family6) net(random uint64) netip.Prefix {
	return netip.PrefixFrom(f.host(random), netLength(random&0xffff, 32, 64)).Masked()
}

func (family6) within(p netip.Prefix, random uint64) netip.Addr {
	hi, _ := value6(p.Addr())
	return addr6(hi, splitmix(random))
}

func (family6) part(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, 120).Masked() }
