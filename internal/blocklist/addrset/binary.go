package addrset

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
)

// The binary form is, in this order: magic, whose last byte is the version; how many IPv4 and how many IPv6 ranges there
// are; for each range two numbers; the SHA-256 of all that. The first number of a range is how far its first address is from
// the least possible one: that is 0 at the beginning, and two more than the last address of the range before. The second is
// how many addresses follow the first. Numbers are unsigned LEB128, as short as can be, so that a set has one form only.
const magic = "addrset\x01"

// MarshalBinary returns the set's binary form: about three bytes for a single IPv4 address. The error is always nil.
func (s Set) MarshalBinary() ([]byte, error) {
	b := s.content()
	sum := sha256.Sum256(b)
	return append(b, sum[:]...), nil
}

// Digest is the SHA-256 of the set's content in hexadecimal digits. Sets with the same addresses have the same, however
// they were made. MarshalBinary ends with the same 32 bytes.
func (s Set) Digest() string {
	sum := sha256.Sum256(s.content())
	return hex.EncodeToString(sum[:])
}

func (s Set) content() []byte {
	b := make([]byte, 0, len(magic)+20+4*len(s.V4)+16*len(s.V6)+sha256.Size)
	b = append(b, magic...)
	b = binary.AppendUvarint(b, uint64(len(s.V4)))
	b = binary.AppendUvarint(b, uint64(len(s.V6)))
	next := uint32(0) // the least address that the next range can begin with
	for _, r := range s.V4 {
		b = binary.AppendUvarint(b, uint64(r.First-next))
		b = binary.AppendUvarint(b, uint64(r.Last-r.First))
		next = r.Last + 2
	}
	next6 := Addr6{}
	for _, r := range s.V6 {
		b = appendVarint6(b, r.First.minus(next6))
		b = appendVarint6(b, r.Last.minus(r.First))
		next6 = r.Last.plus(Addr6{Lo: 2})
	}
	return b
}

func appendVarint6(b []byte, v Addr6) []byte {
	for v.Hi != 0 || v.Lo >= 0x80 {
		b = append(b, byte(v.Lo)|0x80)
		v = Addr6{v.Hi >> 7, v.Lo>>7 | v.Hi<<57}
	}
	return append(b, byte(v.Lo))
}

var errCorrupt = errors.New("the stored address set is damaged: its content does not fit its SHA-256")

// UnmarshalBinary reads what MarshalBinary returned. Anything else is an error, be it a single bit, and leaves s as it was.
func (s *Set) UnmarshalBinary(data []byte) error {
	if !bytes.HasPrefix(data, []byte(magic)) {
		return fmt.Errorf("no address set, or one of another version: it does not begin with %q", magic)
	}
	if len(data) < len(magic)+sha256.Size {
		return errCorrupt
	}
	content, sum := data[:len(data)-sha256.Size], data[len(data)-sha256.Size:]
	if got := sha256.Sum256(content); !bytes.Equal(got[:], sum) {
		return errCorrupt
	}
	d := decoder{rest: content[len(magic):]}
	n4, n6 := d.count(), d.count()
	read := Set{d.ranges4(n4), d.ranges6(n6)}
	if d.bad || len(d.rest) > 0 || read.Overlaps(Set{V6: []Range6{mapped}}) {
		return errors.New("the stored address set is none: its ranges are not as they must be")
	}
	*s = read
	return nil
}

// decoder reads the content. Once bad, all it reads is zero.
type decoder struct {
	rest []byte
	bad  bool
}

// count is a number of ranges; each takes two bytes at least, so that a wrong one cannot ask for much memory.
func (d *decoder) count() int {
	n := d.varint6()
	if n.Hi != 0 || n.Lo > uint64(len(d.rest))/2 {
		d.bad = true
		return 0
	}
	return int(n.Lo)
}

func (d *decoder) varint6() Addr6 {
	var v Addr6
	for shift := 0; shift < 133 && len(d.rest) > 0; shift += 7 {
		c := d.rest[0]
		d.rest = d.rest[1:]
		low := uint64(c & 0x7f)
		if shift < 64 {
			v.Lo |= low << shift
			v.Hi |= low >> (64 - shift)
		} else {
			v.Hi |= low << (shift - 64)
		}
		if c < 0x80 {
			d.bad = d.bad || c == 0 && shift > 0 || shift == 126 && c > 3
			return v
		}
	}
	d.bad = true
	return Addr6{}
}

func (d *decoder) ranges4(n int) []Range4 {
	if n == 0 {
		return nil
	}
	out := make([]Range4, 0, n)
	next := uint64(0)
	for range n {
		gap, extent := d.varint6(), d.varint6()
		first := next + gap.Lo
		last := first + extent.Lo
		if d.bad || gap.Hi|extent.Hi != 0 || max(gap.Lo, extent.Lo, first, last) > math.MaxUint32 {
			d.bad = true
			return nil
		}
		out = append(out, Range4{uint32(first), uint32(last)})
		next = last + 2
	}
	return out
}

func (d *decoder) ranges6(n int) []Range6 {
	if n == 0 {
		return nil
	}
	out := make([]Range6, 0, n)
	var next Addr6
	wrapped := false
	for range n {
		gap, extent := d.varint6(), d.varint6()
		first := next.plus(gap)
		last := first.plus(extent)
		if d.bad || wrapped || first.less(next) || last.less(first) {
			d.bad = true
			return nil
		}
		out = append(out, Range6{first, last})
		next = last.plus(Addr6{Lo: 2})
		wrapped = next.less(last)
	}
	return out
}
