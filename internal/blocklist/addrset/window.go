package addrset

import (
	"bytes"
	"errors"
	"io"
)

// bufSize is what is read at once, and more than any line of which the end matters. Around it there is room, so that bytes
// before an entry's first and after its last may be loaded without looking where the data ends.
const (
	frontPad = 8
	bufSize  = 256 << 10
	backPad  = 32
)

// window is the part of a list that is in memory: buf[start:end].
type window struct {
	src        io.Reader
	buf        []byte
	start, end int
	skip       bool // the rest of a line that was too long
}

// next reads on and returns where in buf whole lines are, the last one with a line end even when the source has none. Of a
// line that does not fit, only the beginning is returned. After io.EOF, or another error, there are no more; another error
// may have cut the last line short, which is left out.
func (w *window) next() (from, to int, err error) {
	w.end = frontPad + copy(w.buf[frontPad:], w.buf[w.start:w.end])
	w.start = frontPad
	n, err := w.read()
	fresh := w.buf[w.end : w.end+n]
	w.end += n
	if w.skip {
		i := bytes.IndexByte(fresh, '\n')
		w.skip = i < 0
		if w.skip {
			w.end = w.start
			return w.start, w.start, err
		}
		w.start += i + 1
		fresh = fresh[i+1:]
	}
	from = w.start
	if i := bytes.LastIndexByte(fresh, '\n'); i >= 0 {
		w.start = w.end - len(fresh) + i + 1
	}
	full := w.start == from && w.end-w.start >= bufSize
	if full || err == io.EOF && w.end > w.start {
		w.buf[w.end] = '\n'
		w.skip = full
		w.start, w.end = w.end+1, w.end+1
	}
	return from, w.start, err
}

// read gives a source some tries that return nothing.
func (w *window) read() (n int, err error) {
	for range 100 {
		n, err = w.src.Read(w.buf[w.end : frontPad+bufSize])
		if n > 0 || err != nil {
			return n, err
		}
	}
	return 0, errNoProgress
}

var errNoProgress = errors.New("the source returns nothing and no error")
