package addrset

import (
	"iter"
	"net/netip"
	"slices"
)

// gathered are ranges in the order in which they come. Single IPv4 addresses, most of any list, are kept apart in four bytes
// each; a wider IPv4 range is First in the upper and Last in the lower half of a number.
type gathered struct {
	hosts bag[uint32]
	nets  bag[uint64]
	v6    bag[Range6]
}

// add takes the addresses from first to last, which are of one family and in order.
func (g *gathered) add(first, last netip.Addr) {
	if first.Is4() {
		g.add4(value4(first), value4(last))
		return
	}
	g.v6.add(Range6{Addr6Of(first), Addr6Of(last)})
}

func (g *gathered) add4(first, last uint32) {
	if first == last {
		g.hosts.add(first)
		return
	}
	g.nets.add(uint64(first)<<32 | uint64(last))
}

// len is how many ranges have been added.
func (g *gathered) len() int { return g.hosts.len() + g.nets.len() + g.v6.len() }

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

// joinHosts appends ascending addresses, for all of which out has room. Whether an address stands beside the one before is
// a coin toss on real lists, and so made no branch.
func joinHosts(out []Range4, hosts []uint32) []Range4 {
	if len(out) == 0 && len(hosts) > 0 {
		out = append(out, Range4{hosts[0], hosts[0]})
	}
	n := len(out) - 1
	for len(hosts) > 0 && hosts[0] <= out[n].Last {
		hosts = hosts[1:]
	}
	if len(hosts) == 0 {
		return out
	}
	last, room := out[n], out[n:n+1+len(hosts)]
	at := 0
	for _, h := range hosts {
		gap := h - last.Last
		if gap > 1 {
			last.First = h
		}
		last.Last = h
		at += int((1 - uint64(gap)) >> 63)
		room[at] = last
	}
	return out[:n+1+at]
}

func (g *gathered) set6() []Range6 {
	sorted := make([]Range6, 0, g.v6.len())
	for block := range g.v6.blocks() {
		sorted = append(sorted, block...)
	}
	slices.SortFunc(sorted, func(a, b Range6) int { return a.First.Compare(b.First) })
	var out []Range6
	if len(sorted) > 0 {
		out = sorted[:0]
	}
	for _, r := range sorted {
		out = join(out, r)
	}
	return except(out, []Range6{mapped})
}

// bag grows without moving what is in it, as that would cost as much as reading it did.
type bag[E any] struct {
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

// blocks are all that was added, in the order in which it was.
func (b *bag[E]) blocks() iter.Seq[[]E] {
	return func(yield func([]E) bool) {
		for _, block := range b.full {
			if !yield(block) {
				return
			}
		}
		yield(b.last)
	}
}
