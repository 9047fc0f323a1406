package disk

import (
	"errors"
	"fmt"
	"io"
)

// area is a stretch of a disk that is probed: the disk itself or one partition. It never reads outside itself, and keeps
// read errors, because a disk that cannot be read must not pass for an empty one.
type area struct {
	r      io.ReaderAt
	start  int64 // on the disk
	size   int64
	sector int64
	number int // partition; 0 is the disk
	errs   *[]string
}

// maxRead bounds one read; the largest caller is the sample of the first MiB.
const maxRead = 1 << 20

// read returns n bytes at off, or nil when they are not all inside the area or cannot be read.
func (a area) read(off, n int64) []byte {
	if off < 0 || n <= 0 || n > maxRead || off > a.size-n {
		return nil
	}
	b := make([]byte, n)
	got, err := a.r.ReadAt(b, a.start+off)
	if int64(got) == n && (err == nil || errors.Is(err, io.EOF)) {
		return b
	}
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	a.note(off, err)
	return nil
}

// maxDoubts bounds what a dying disk can add to a facts file.
const maxDoubts = 5

func (a area) note(off int64, err error) {
	if len(*a.errs) < maxDoubts {
		*a.errs = append(*a.errs, fmt.Sprintf("read at %#x: %v", a.start+off, err))
	}
}

// has reports whether magic stands at off.
func (a area) has(off int64, magic string) bool {
	return string(a.read(off, int64(len(magic)))) == magic
}

// at turns a table's offset into a position: negative ones count from the end.
func (a area) at(off int64) int64 {
	if off < 0 {
		return a.size + off
	}
	return off
}

// part is a partition inside the area, cut to what really lies inside.
func (a area) part(number int, start, size int64) (area, bool) {
	if start <= 0 || size <= 0 || start >= a.size {
		return area{}, false
	}
	sub := a
	sub.start, sub.size, sub.number = a.start+start, min(size, a.size-start), number
	return sub, true
}
