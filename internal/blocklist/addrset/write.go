package addrset

import (
	"encoding/binary"
	"io"
	"net/netip"
	"strconv"
)

// WriteTo writes the set as Prefixes gives it, one CIDR a line. A single address has no /32 and no /128. Equal sets are
// written the same, and what is written reads back as an equal set.
func (s Set) WriteTo(w io.Writer) (int64, error) {
	out := lineWriter{w: w, buf: make([]byte, 1<<16)}
	for _, r := range s.V4 {
		if r.First == r.Last {
			out.line4(r.First, 32)
			continue
		}
		out.lines4(r)
	}
	for r := range written6(s.V6) {
		out.lines6(r)
	}
	out.flush()
	return out.written, out.err
}

// lineWriter keeps lines until there are many. After an error it drops them.
type lineWriter struct {
	w       io.Writer
	buf     []byte
	used    int
	written int64
	err     error
}

// longestLine is an upper bound, which leaves room to write over the end of a line.
const longestLine = 64

func (w *lineWriter) flush() {
	if w.err == nil && w.used > 0 {
		var n int
		n, w.err = w.w.Write(w.buf[:w.used])
		w.written += int64(n)
	}
	w.used = 0
}

func (w *lineWriter) lines4(r Range4) {
	for more := true; more; {
		first := r.First
		var length int
		length, r, more = r.prefix()
		w.line4(first, length)
	}
}

func (w *lineWriter) lines6(r Range6) {
	for more := true; more; {
		first := r.First
		var length int
		length, r, more = r.prefix()
		if !isMapped(first, length) {
			w.line6(first, length)
		}
	}
}

// line4 writes each number with its dot as four bytes, whatever its length, and the next one over what was too much.
func (w *lineWriter) line4(a uint32, length int) {
	if len(w.buf)-w.used < longestLine {
		w.flush()
	}
	b := w.buf[w.used:][:longestLine]
	n := putOctet(b, 0, a>>24)
	n = putOctet(b, n, a>>16)
	n = putOctet(b, n, a>>8)
	n = putOctet(b, n, a) - 1
	if length < 32 {
		n = len(appendLength(b[:n], length))
	}
	b[n] = '\n'
	w.used += n + 1
}

func (w *lineWriter) line6(a Addr6, length int) {
	if len(w.buf)-w.used < longestLine {
		w.flush()
	}
	line := a.Netip().AppendTo(w.buf[w.used:w.used])
	if length < 128 {
		line = appendLength(line, length)
	}
	w.used += len(append(line, '\n'))
}

func appendLength(b []byte, length int) []byte {
	return strconv.AppendInt(append(b, '/'), int64(length), 10)
}

func putOctet(b []byte, at int, octet uint32) int {
	o := &octets[byte(octet)]
	binary.LittleEndian.PutUint32(b[at:], o.text)
	return at + int(o.length)
}

// octets are the numbers from 0 to 255 with a dot behind each.
var octets = func() (all [256]struct{ text, length uint32 }) {
	for i := range all {
		var text [4]byte
		n := copy(text[:], strconv.Itoa(i)+".")
		all[i].text, all[i].length = binary.LittleEndian.Uint32(text[:]), uint32(n)
	}
	return all
}()

func appendPrefix(b []byte, p netip.Prefix) []byte {
	if p.IsSingleIP() {
		return p.Addr().AppendTo(b)
	}
	return p.AppendTo(b)
}
