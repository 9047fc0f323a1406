package addrset

import "iter"

// Sizes counts the ranges of a set: hosts are single addresses, nets are all wider ranges.
type Sizes struct{ Hosts4, Nets4, Hosts6, Nets6 int }

// Total is the number of all ranges.
func (n Sizes) Total() int { return n.Hosts4 + n.Nets4 + n.Hosts6 + n.Nets6 }

// Sizes counts the ranges.
func (s Set) Sizes() Sizes {
	var n Sizes
	for range s.Hosts4() {
		n.Hosts4++
	}
	for range s.Hosts6() {
		n.Hosts6++
	}
	n.Nets4, n.Nets6 = len(s.V4)-n.Hosts4, len(s.V6)-n.Hosts6
	return n
}

// Hosts4 are the IPv4 addresses that stand alone, ascending.
func (s Set) Hosts4() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for _, r := range s.V4 {
			if r.First == r.Last && !yield(r.First) {
				return
			}
		}
	}
}

// Nets4 are the IPv4 ranges of more than one address, ascending. Not each is a CIDR.
func (s Set) Nets4() iter.Seq[Range4] {
	return func(yield func(Range4) bool) {
		for _, r := range s.V4 {
			if r.First != r.Last && !yield(r) {
				return
			}
		}
	}
}

// Hosts6 are the IPv6 addresses that stand alone, ascending.
func (s Set) Hosts6() iter.Seq[Addr6] {
	return func(yield func(Addr6) bool) {
		for _, r := range s.V6 {
			if r.First == r.Last && !yield(r.First) {
				return
			}
		}
	}
}

// Nets6 are the IPv6 ranges of more than one address, ascending. Not each is a CIDR.
func (s Set) Nets6() iter.Seq[Range6] {
	return func(yield func(Range6) bool) {
		for _, r := range s.V6 {
			if r.First != r.Last && !yield(r) {
				return
			}
		}
	}
}

// ElementsNotIn are the ranges of s that are not, exactly so, ranges of o: what a table that holds the ranges of o as its
// elements lacks of s. Except compares addresses instead. The other way round it is what the table has too much.
func (s Set) ElementsNotIn(o Set) Set { return Set{only(s.V4, o.V4), only(s.V6, o.V6)} }
