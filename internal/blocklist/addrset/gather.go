package addrset

import (
	"net/netip"
	"slices"
)

// gathered are ranges in the order in which they come. Single IPv4 addresses, most of any list, are kept apart in four bytes
// each; a wider IPv4 range is First in the upper and Last in the lower half of a number.
type gathered struct {
	hosts bag[uint32]
	nets  bag[uint64]
	v6    []Range6
}

// add takes the addresses from first to last, which are of one family and in order.
func (g *gathered) add(first, last netip.Addr) {
	if first.Is4() {
		g.add4(value4(first), value4(last))
		return
	}
	g.v6 = append(g.v6, Range6{Addr6Of(first), Addr6Of(last)})
}

func (g *gathered) add4(first, last uint32) {
	if first == last {
		g.hosts.add(first)
		return
	}
	g.nets.add(uint64(first)<<32 | uint64(last))
}

// len is how many ranges have been added.
func (g *gathered) len() int { return g.hosts.len() + g.nets.len() + len(g.v6) }

// set leaves what was gathered as it is, so that more can be added.
func (g *gathered) set() Set {
	return Set{g.set4(), g.set6()}
}

func (g *gathered) set4() []Range4 {
	hosts, nets := radix(&g.hosts, 0), radix(&g.nets, 32)
	if len(hosts)+len(nets) == 0 {
		return nil
	}
	out := make([]Range4, 0, len(hosts)+len(nets))
	for _, n := range nets {
		net := Range4{uint32(n >> 32), uint32(n)}
		below := 0
		for below < len(hosts) && hosts[below] < net.First {
			below++
		}
		out = join(joinHosts(out, hosts[:below]), net)
		hosts = hosts[below:]
	}
	return joinHosts(out, hosts)
}

// joinHosts appends ascending addresses. There is room for all of them; without a branch that depends on the addresses, this
// is the quicker the less it can be foreseen which of them are neighbours.
func joinHosts(out []Range4, hosts []uint32) []Range4 {
	if len(hosts) == 0 {
		return out
	}
	out = join(out, Range4{hosts[0], hosts[0]})
	for _, h := range hosts[1:] {
		out = join(out, Range4{h, h})
	}
	return out
}

func (g *gathered) set6() []Range6 {
	sorted := slices.Clone(g.v6)
	slices.SortFunc(sorted, func(a, b Range6) int { return a.First.Compare(b.First) })
	var out []Range6
	for _, r := range sorted {
		out = join(out, r)
	}
	return except(out, []Range6{mapped})
}

// bag grows without moving what is in it, as that would cost as much as reading it did.
type bag[E uint32 | uint64] struct {
	full [][]E
	last []E
}

// blockSize is how many numbers are in each block but the first.
const blockSize = 1 << 16

func (b *bag[E]) add(e E) {
	if len(b.last) == cap(b.last) {
		b.grow()
	}
	b.last = append(b.last, e)
}

func (b *bag[E]) grow() {
	size := blockSize
	if b.last != nil {
		b.full = append(b.full, b.last)
	} else {
		size = 1 << 10
	}
	b.last = make([]E, 0, size)
}

func (b *bag[E]) len() int {
	n := len(b.last)
	for _, block := range b.full {
		n += len(block)
	}
	return n
}

func (b *bag[E]) blocks() [][]E { return append(b.full[:len(b.full):len(b.full)], b.last) }

// radix returns the numbers in ascending order of the 32 bits that begin at shift: three times over them all, each time
// stably by 11 bits more.
func radix[E uint32 | uint64](b *bag[E], shift int) []E {
	n := b.len()
	if n == 0 {
		return nil
	}
	from, to := make([]E, 0, n), make([]E, n)
	for _, block := range b.blocks() {
		from = append(from, block...)
	}
	for digit := shift; digit < shift+32; digit += 11 {
		var at [1 << 11]int
		for _, e := range from {
			at[uint32(e>>shift)>>(digit-shift)&(1<<11-1)]++
		}
		sum := 0
		for i, count := range at {
			at[i] = sum
			sum += count
		}
		for _, e := range from {
			k := uint32(e>>shift) >> (digit - shift) & (1<<11 - 1)
			to[at[k]] = e
			at[k]++
		}
		from, to = to, from
	}
	return from
}
