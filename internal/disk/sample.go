package disk

import (
	"cmp"
	"slices"
)

const (
	block    = 4 * kib
	spread   = 256 // blocks between head and tail: about three seconds of seeking on a slow disk
	maxFound = 3   // offsets that are kept; one is enough to know
)

// sample reads the first and the last MiB, blocks spread evenly between them and one behind each power of two, and returns
// the offsets of the first ones that hold anything. It is the same set for the same size, so two probes can be compared.
// It finds what has no signature: plain dm-crypt, detached LUKS headers, raw images. A blank disk is all zeros, or all
// ones as some flash comes.
func (a area) sample() []int64 {
	var fill byte
	var found []int64
	for i, s := range a.stretches() {
		b := a.read(s.off, s.n)
		if b == nil {
			continue
		}
		if i == 0 && b[0] == 0xff {
			fill = 0xff
		}
		if at := notFilled(b, fill); at >= 0 {
			if found = append(found, s.off+at); len(found) == maxFound {
				break
			}
		}
	}
	return found
}

type stretch struct{ off, n int64 }

func (a area) stretches() []stretch {
	if a.size <= 2*mib {
		return cut(a.size)
	}
	list := []stretch{{0, mib}, {a.size - mib, mib}}
	for i := int64(1); i < spread; i++ {
		list = append(list, stretch{a.size / spread * i &^ (block - 1), block})
	}
	for off := int64(2 * mib); off < a.size-block; off *= 2 {
		list = append(list, stretch{off, block})
	}
	slices.SortFunc(list, func(a, b stretch) int { return cmp.Compare(a.off, b.off) })
	return slices.Compact(list)
}

// cut covers a small disk completely.
func cut(size int64) []stretch {
	var list []stretch
	for off := int64(0); off < size; off += mib {
		list = append(list, stretch{off, min(mib, size-off)})
	}
	return list
}

// notFilled is the first place in b that is not fill, or -1.
func notFilled(b []byte, fill byte) int64 {
	return int64(slices.IndexFunc(b, func(c byte) bool { return c != fill }))
}
