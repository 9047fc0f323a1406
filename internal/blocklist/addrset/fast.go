package addrset

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// The fast path takes the IPv4 addresses and CIDRs that nearly all lines are, eight bytes at a time. It takes nothing that
// the slow path would take otherwise: whatever is odd, it leaves to that.

// scan reads the lines in buf[from:to], each with its line end.
func (r *Reader) scan(from, to int) {
	first := r.line
	for from < to {
		r.line++
		next, ok := r.fast(from)
		if !ok {
			end := from + bytes.IndexByte(r.buf[from:to], '\n')
			r.slow(r.buf[from:end])
			next = end + 1
		}
		from = next
	}
	r.lines += r.line - first
}

// fast takes the line at buf[from:] and returns where the next one begins, or not ok and nothing is taken.
func (r *Reader) fast(from int) (next int, ok bool) {
	addr, at := dottedQuad(r.buf, from)
	if at == 0 {
		return 0, false
	}
	if r.buf[at] == '\n' {
		r.gathered.hosts.add(addr)
		return at + 1, true
	}
	host := uint32(0)
	if r.buf[at] == '/' {
		host, at = hostMask(r.buf, at+1)
		if at == 0 || addr&host != 0 {
			return 0, false
		}
	}
	if next = lineEnd(r.buf, at); next == 0 {
		return 0, false
	}
	r.gathered.add4(addr, addr|host)
	return next, true
}

// dottedQuad reads an address and returns where it ends, or 0 when there is none that begins at buf[from] and ends within 16
// bytes. It may load some bytes before and behind the address.
func dottedQuad(buf []byte, from int) (addr uint32, end int) {
	text := buf[from-4:][:4+16+4]
	others := notDigits(binary.LittleEndian.Uint64(text[4:])) | notDigits(binary.LittleEndian.Uint64(text[12:]))<<8
	dot1 := bits.TrailingZeros32(others)
	others &= others - 1
	dot2 := bits.TrailingZeros32(others)
	others &= others - 1
	dot3 := bits.TrailingZeros32(others)
	others &= others - 1
	stop := bits.TrailingZeros32(others)
	if others == 0 {
		return 0, 0
	}
	a, wrongA := octet(text, dot1, dot1)
	b, wrongB := octet(text, dot2, dot2-dot1-1)
	c, wrongC := octet(text, dot3, dot3-dot2-1)
	d, wrongD := octet(text, stop, stop-dot3-1)
	notDots := (text[4+dot1&15] ^ '.') | (text[4+dot2&15] ^ '.') | (text[4+dot3&15] ^ '.')
	if notDots != 0 || (wrongA|wrongB|wrongC|wrongD)>>31 != 0 {
		return 0, 0
	}
	return a<<24 | b<<16 | c<<8 | d, from + stop
}

// notDigits has a bit for each of the eight bytes, lowest first, that is no digit.
func notDigits(text uint64) uint32 {
	x := text ^ 0x3030_3030_3030_3030 // a digit is 0 to 9 now
	high := (x&0x7f7f_7f7f_7f7f_7f7f + 0x7676_7676_7676_7676 | x) & 0x8080_8080_8080_8080
	return uint32(high >> 7 * 0x0102_0408_1020_4080 >> 56)
}

// octet is the number of that many digits before text[4+end], and whether it is wrong in the highest bit: above 255, or of
// other than one to three digits, or with a leading zero.
func octet(text []byte, end, digits int) (value, wrong uint32) {
	size := &sizes[digits&15]
	x := binary.LittleEndian.Uint32(text[end&15:]) & size.digits
	// The multiplication adds ones, ten times the tens and a hundred times the hundreds up in the highest byte. What is
	// read from the other side orders as the number does.
	ordered := bits.ReverseBytes32(x)
	return x * (1 + 10<<8 + 100<<16) >> 24, (ordered - size.least) | (0x00_02_05_05 - ordered)
}

// sizes have, for each number of digits, the bits of these in four bytes that end with them, and the least number that
// takes so many digits, a byte a digit. No number is as large as that of an impossible size.
var sizes = func() (all [16]struct{ digits, least uint32 }) {
	for i := range all {
		all[i].least = 1 << 24
	}
	all[1].digits, all[1].least = 0x0f00_0000, 0
	all[2].digits, all[2].least = 0x0f0f_0000, 0x00_00_01_00
	all[3].digits, all[3].least = 0x0f0f_0f00, 0x00_01_00_00
	return all
}()

// hostMask reads a prefix length and returns the bits that it leaves to the host, and where it ends, or 0.
func hostMask(buf []byte, at int) (mask uint32, end int) {
	length, tens := uint32(buf[at]-'0'), uint32(0)
	if length > 9 {
		return 0, 0
	}
	at++
	if digit := uint32(buf[at] - '0'); digit <= 9 {
		tens = length
		length = tens*10 + digit
		at++
		if tens == 0 || length > 32 {
			return 0, 0
		}
	}
	return uint32(1<<(32-length) - 1), at
}

// lineEnd is where the next line begins when nothing but some blanks and a comment is left of this one, else 0. A line of
// which only the beginning is in the buffer has more blanks than it takes, or begins a comment.
func lineEnd(buf []byte, at int) int {
	for limit := at + 64; at < limit && (buf[at] == ' ' || buf[at] == '\t' || buf[at] == '\r'); {
		at++
	}
	switch buf[at] {
	case '\n':
		return at + 1
	case '#', ';':
		return at + bytes.IndexByte(buf[at:], '\n') + 1
	}
	return 0
}
