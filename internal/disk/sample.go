package disk

import (
	"cmp"
	"slices"
)

const (
	block    = 4 * kib
	head     = 4 * mib  // read whole: boot areas, and where a first partition starts
	near     = 64 * mib // a block of each MiB up to here: partitions start on one
	spread   = 256      // blocks from there to the end: about three seconds of seeking on a slow disk
	maxFound = 3        // offsets that are kept; one is enough to know
)

// sample reads the first 4 MiB, the last MiB, a block of each of the first 64 MiB, blocks spread evenly over the rest and one
// behind each power of two, and returns the offsets of the first ones that hold anything. It is the same set for the same size, so two probes can be compared.
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
	if a.size <= near {
		return cut(a.size)
	}
	list := append(cut(head), stretch{a.size - mib, mib})
	for off := int64(head); off < near; off += mib {
		list = append(list, stretch{off, block})
	}
	for i := int64(1); i < spread; i++ {
		list = append(list, stretch{a.size / spread * i &^ (block - 1), block})
	}
	for off := int64(near); off < a.size-block; off *= 2 {
		list = append(list, stretch{off, block})
	}
	slices.SortFunc(list, func(a, b stretch) int { return cmp.Compare(a.off, b.off) })
	return slices.Compact(list)
}

// cut covers the first size bytes completely.
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
