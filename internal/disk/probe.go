package disk

import (
	"cmp"
	"io"
	"slices"
)

// Probe looks at size bytes of a disk with the given logical sector size: at the disk itself and at each partition of its
// tables. It reads about 8 MiB, and 1 MiB a partition, whatever the disk claims; what cannot be read becomes a doubt.
func Probe(r io.ReaderAt, size, sector int64) Contents {
	c := Contents{Probed: size > 0}
	whole := area{r: r, size: size, sector: sector, errs: &c.Doubts}
	c.Signatures = whole.signatures()
	for _, p := range whole.partitions() {
		c.Signatures = append(c.Signatures, p.signatures()...)
	}
	c.Signatures = sorted(c.Signatures)
	c.Data = whole.sample()
	c.Installation = whole.installation()
	return c
}

// signatures runs every detector over one area.
func (a area) signatures() []Signature {
	var found []Signature
	for _, detect := range []func(area) []Signature{
		area.formats, area.boot, area.ext, area.swap, area.zfs, area.raid, area.udf,
	} {
		found = append(found, detect(a)...)
	}
	for i := range found {
		found[i].Offset += a.start
		found[i].Partition = a.number
	}
	return found
}

func sorted(s []Signature) []Signature {
	slices.SortStableFunc(s, func(a, b Signature) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset), cmp.Compare(a.Kind, b.Kind))
	})
	return slices.CompactFunc(s, func(a, b Signature) bool {
		return a.Partition == b.Partition && a.Offset == b.Offset && a.Kind == b.Kind
	})
}
