package addrset

import (
	"iter"
	"sort"
)

// interval is what the set operations need to know of a range, whatever its family.
type interval[R any] interface {
	comparable
	before(R) bool       // it ends before the other begins
	apart(R) bool        // it ends before the other begins, and there is an address between them
	startsBefore(R) bool // its first address is less
	endsBefore(R) bool   // its last address is less
	hull(R) R            // from the lesser first to the greater last address
	overlap(R) R         // what is in both, which must have an address in common
	leftOf(R) (R, bool)  // what of it lies before the other, if anything
	rightOf(R) (R, bool) // what of it lies behind the other, if anything
}

// union walks both at once and joins what meets.
func union[R interval[R]](a, b []R) []R {
	if len(a) == 0 || len(b) == 0 {
		return append(a[:len(a):len(a)], b...)
	}
	out := make([]R, 0, len(a)+len(b))
	for len(a) > 0 || len(b) > 0 {
		if len(a) == 0 || len(b) > 0 && b[0].startsBefore(a[0]) {
			a, b = b, a
		}
		out = join(out, a[0])
		a = a[1:]
	}
	return out
}

// join appends a range that begins no earlier than the last one.
func join[R interval[R]](out []R, r R) []R {
	if n := len(out); n > 0 && !out[n-1].apart(r) {
		out[n-1] = out[n-1].hull(r)
		return out
	}
	return append(out, r)
}

// except copies a, and at each hole takes back what it just copied too much. Between holes that is one copy, however many
// ranges it is, so that a short list is cheap to take from a long one.
func except[R interval[R]](a, holes []R) []R {
	if len(a) == 0 || len(holes) == 0 {
		return a
	}
	out := make([]R, 0, len(a)+len(holes))
	for _, hole := range holes {
		n := gallop(a, func(r R) bool { return !hole.before(r) })
		out = cut(append(out, a[:n]...), hole)
		a = a[n:]
	}
	return append(out, a...)
}

// cut takes a hole from the end of out. Nothing in out lies wholly behind the hole.
func cut[R interval[R]](out []R, hole R) []R {
	n := len(out)
	for n > 0 && !out[n-1].before(hole) {
		n--
	}
	if n == len(out) {
		return out
	}
	left, hasLeft := out[n].leftOf(hole)
	right, hasRight := out[len(out)-1].rightOf(hole)
	out = out[:n]
	if hasLeft {
		out = append(out, left)
	}
	if hasRight {
		out = append(out, right)
	}
	return out
}

// common yields what is in both.
func common[R interval[R]](a, b []R) iter.Seq[R] {
	return func(yield func(R) bool) {
		a, b := a, b
		for len(a) > 0 && len(b) > 0 {
			switch {
			case a[0].before(b[0]):
				a = a[gallop(a, func(r R) bool { return r.before(b[0]) }):]
			case b[0].before(a[0]):
				a, b = b, a
			default:
				if !yield(a[0].overlap(b[0])) {
					return
				}
				if b[0].endsBefore(a[0]) {
					a, b = b, a
				}
				a = a[1:]
			}
		}
	}
}

// holds says whether the range, which is one address, is in a.
func holds[R interval[R]](a []R, r R) bool {
	n := sort.Search(len(a), func(i int) bool { return !a[i].before(r) })
	return n < len(a) && !r.before(a[n])
}

// only are the ranges of a that are not among those of b.
func only[R interval[R]](a, b []R) []R {
	var out []R
	for _, r := range a {
		for len(b) > 0 && b[0].startsBefore(r) {
			b = b[1:]
		}
		if len(b) == 0 || b[0] != r {
			out = append(out, r)
		}
	}
	return out
}

// gallop is how many ranges at the beginning of a satisfy skip; behind the first one that does not, none does. It looks in
// growing steps, as the answer is mostly near.
func gallop[R any](a []R, skip func(R) bool) int {
	bound := 1
	for bound <= len(a) && skip(a[bound-1]) {
		bound *= 2
	}
	from := bound / 2
	to := min(bound-1, len(a))
	return from + sort.Search(to-from, func(i int) bool { return !skip(a[from+i]) })
}
