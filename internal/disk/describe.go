package disk

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode"
	stdutf16 "unicode/utf16"
)

// text reads a label of at most n bytes at off; it ends at the first NUL.
func text(off, n int) func([]byte) string {
	return func(b []byte) string {
		if len(b) < off+n {
			return ""
		}
		s, _, _ := bytes.Cut(b[off:off+n], []byte{0})
		return clean(string(s))
	}
}

// clean keeps what a terminal can show: labels come from untrusted disks and end up in tables.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "?")
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
	return strings.TrimSpace(s)
}

// utf16 reads a little-endian label of at most n bytes.
func utf16(off, n int) func([]byte) string {
	return func(b []byte) string {
		if len(b) < off+n {
			return ""
		}
		var units []uint16
		for i := off; i+1 < off+n; i += 2 {
			u := binary.LittleEndian.Uint16(b[i:])
			if u == 0 {
				break
			}
			units = append(units, u)
		}
		return clean(string(stdutf16.Decode(units)))
	}
}

// pascal reads a label whose first byte is its length.
func pascal(off int) func([]byte) string {
	return func(b []byte) string {
		if len(b) <= off {
			return ""
		}
		return text(off+1, int(b[off]))(b)
	}
}

// guid reads 16 bytes in the order in which they are printed.
func guid(off int) func([]byte) string {
	return func(b []byte) string {
		if len(b) < off+16 {
			return ""
		}
		u := b[off : off+16]
		return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
	}
}

// hexLE reads a little-endian number of n bytes as Windows prints it.
func hexLE(off, n int) func([]byte) string {
	return func(b []byte) string {
		if len(b) < off+n {
			return ""
		}
		var s strings.Builder
		for i := off + n - 1; i >= off; i-- {
			fmt.Fprintf(&s, "%02X", b[i])
		}
		return s.String()
	}
}

// serial reads the volume serial number of the FAT family: 1A2B-3C4D.
func serial(off int) func([]byte) string {
	return func(b []byte) string {
		s := hexLE(off, 4)(b)
		if s == "" {
			return ""
		}
		return s[:4] + "-" + s[4:]
	}
}

// luksLabel exists from LUKS2 on; LUKS1 has the cipher's name there.
func luksLabel(b []byte) string {
	if len(b) < 8 || binary.BigEndian.Uint16(b[6:]) != 2 {
		return ""
	}
	return text(24, 48)(b)
}
