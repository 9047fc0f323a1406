package disk

import (
	"encoding/binary"
	"fmt"
)

const (
	mdMagic   = 0xa92b4efc
	drbdFirst = 0x8374026b // 8.3, 8.4 unclean, 9
	drbdLast  = 0x8374026d
)

// raid finds what keeps its record in a place that depends on the size: Linux md and DRBD. LVM is here as its cousin.
func (a area) raid() []Signature {
	found := a.lvm()
	for _, at := range []int64{0, 4 * kib, (a.size - 8*kib) &^ (4*kib - 1)} {
		if s, ok := a.md1(at); ok {
			found = append(found, s)
		}
	}
	if s, ok := a.md0(a.size&^(64*kib-1) - 64*kib); ok {
		found = append(found, s)
	}
	if s, ok := a.drbd(a.size&^(4*kib-1) - 4*kib); ok {
		found = append(found, s)
	}
	return found
}

// md1 is metadata 1.1 (start), 1.2 (4 KiB) or 1.0 (end): always little-endian.
func (a area) md1(at int64) (Signature, bool) {
	b := a.read(at, 256)
	if b == nil || binary.LittleEndian.Uint32(b) != mdMagic || binary.LittleEndian.Uint32(b[4:]) != 1 {
		return Signature{}, false
	}
	return Signature{Kind: "linux_raid_member", Offset: at, UUID: guid(16)(b), Label: text(32, 32)(b)}, true
}

// md0 is metadata 0.90, in the byte order of the machine that wrote it.
func (a area) md0(at int64) (Signature, bool) {
	b := a.read(at, 64)
	if b == nil {
		return Signature{}, false
	}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		if order.Uint32(b) == mdMagic && order.Uint32(b[4:]) == 0 {
			id := fmt.Sprintf("%08x:%08x:%08x:%08x", order.Uint32(b[20:]), order.Uint32(b[52:]), order.Uint32(b[56:]), order.Uint32(b[60:]))
			return Signature{Kind: "linux_raid_member", Offset: at, UUID: id}, true
		}
	}
	return Signature{}, false
}

func (a area) drbd(at int64) (Signature, bool) {
	b := a.read(at+60, 4)
	if b == nil {
		return Signature{}, false
	}
	if m := binary.BigEndian.Uint32(b); m < drbdFirst || m > drbdLast {
		return Signature{}, false
	}
	return Signature{Kind: "drbd", Offset: at + 60}, true
}
