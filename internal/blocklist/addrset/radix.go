package addrset

// digit is a part of a number by which one pass sorts: three of them make 32 bits, and their counts fit in the fastest cache.
const (
	digitBits = 11
	digits    = 1 << digitBits
)

// radix returns the numbers in ascending order of the 32 bits that begin at shift: three times over them all, each time
// stably by the next digit. Equal bits keep the order in which they were added.
func radix[E uint32 | uint64](b *bag[E], shift int) []E {
	n := b.len()
	if n == 0 {
		return nil
	}
	var at [3][digits]uint32
	for block := range b.blocks() {
		for _, e := range block {
			key := uint32(e >> shift)
			at[0][key%digits]++
			at[1][key>>digitBits%digits]++
			at[2][key>>(2*digitBits)%digits]++
		}
	}
	for i := range at {
		sumUp(&at[i])
	}
	once, twice := make([]E, n), make([]E, n)
	for block := range b.blocks() {
		deal(once, block, &at[0], shift)
	}
	deal(twice, once, &at[1], shift+digitBits)
	deal(once, twice, &at[2], shift+2*digitBits)
	return once
}

// sumUp turns counts into the places where the first of each goes.
func sumUp(at *[digits]uint32) {
	sum := uint32(0)
	for i, count := range at {
		at[i] = sum
		sum += count
	}
}

// deal puts each number where the next one of its digit goes.
func deal[E uint32 | uint64](to, from []E, at *[digits]uint32, shift int) {
	for _, e := range from {
		place := &at[e>>shift%digits]
		to[*place] = e
		*place++
	}
}
