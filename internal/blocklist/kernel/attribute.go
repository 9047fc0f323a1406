package kernel

import (
	"encoding/binary"
	"iter"
	"strings"

	"golang.org/x/sys/unix"
)

// flags are bits in the type of an attribute: nested, and in network byte order. The kernel sets them only in places.
const flags = 0xc000

// attributes are the netlink attributes in b, without the flags in their types. What is cut off is left out.
func attributes(b []byte) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		for len(b) >= unix.SizeofNlAttr {
			size := int(binary.NativeEndian.Uint16(b))
			if size < unix.SizeofNlAttr || size > len(b) {
				return
			}
			if !yield(int(binary.NativeEndian.Uint16(b[2:])&^flags), b[unix.SizeofNlAttr:size]) {
				return
			}
			b = b[min(aligned(size), len(b)):]
		}
	}
}

// attribute is the content of the first attribute of a type; nil where there is none.
func attribute(b []byte, typ int) []byte {
	for t, content := range attributes(b) {
		if t == typ {
			return content
		}
	}
	return nil
}

func aligned(n int) int { return (n + unix.NLMSG_ALIGNTO - 1) &^ (unix.NLMSG_ALIGNTO - 1) }

func text(b []byte) string { return strings.TrimRight(string(b), "\x00") }

// number is a number as nftables has them; 0 where the attribute is missing.
func number(b []byte) uint32 {
	if len(b) != 4 {
		return 0
	}
	return binary.BigEndian.Uint32(b)
}

func number64(b []byte) uint64 {
	if len(b) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

func appendAttribute(b []byte, typ uint16, content []byte) []byte {
	b = appendHeader(b, len(content), typ)
	b = append(b, content...)
	return append(b, make([]byte, aligned(len(content))-len(content))...)
}

// appendHeader begins an attribute with a content of size bytes.
func appendHeader(b []byte, size int, typ uint16) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(unix.SizeofNlAttr+size))
	return binary.NativeEndian.AppendUint16(b, typ)
}

func appendText(b []byte, typ uint16, s string) []byte {
	return appendAttribute(b, typ, append([]byte(s), 0))
}

func appendNumber(b []byte, typ uint16, n uint32) []byte {
	return binary.BigEndian.AppendUint32(appendHeader(b, 4, typ), n)
}
