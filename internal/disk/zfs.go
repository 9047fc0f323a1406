package disk

import (
	"encoding/binary"
	"strconv"
)

const (
	zfsLabel = 256 * kib // one of four: two at the start, two at the end of the size rounded down to labels
	zfsPairs = 16 * kib  // where in a label the name-value pairs start
	zfsRing  = 128 * kib // where the uberblocks start
	zfsUber  = 1 * kib   // the smallest distance between two of them

	zfsMagicLE = "\x0c\xb1\xba\x00\x00\x00\x00\x00"
	zfsMagicBE = "\x00\x00\x00\x00\x00\xba\xb1\x0c"
)

// zfs finds any of the four labels. One is enough for import to offer the pool again, so each counts by itself.
func (a area) zfs() []Signature {
	end := a.size &^ (zfsLabel - 1)
	var found []Signature
	for _, label := range []int64{0, zfsLabel, end - 2*zfsLabel, end - zfsLabel} {
		if s, ok := a.zfsAt(label); ok {
			found = append(found, s)
		}
	}
	return found
}

func (a area) zfsAt(label int64) (Signature, bool) {
	if label < 0 {
		return Signature{}, false
	}
	pool, id := poolOf(a.read(label+zfsPairs, zfsRing-zfsPairs))
	s := Signature{Kind: "zfs_member", Offset: label + zfsPairs, Label: pool, UUID: id}
	if ring := a.read(label+zfsRing, zfsLabel-zfsRing); ring != nil {
		for off := int64(0); off < int64(len(ring)); off += zfsUber {
			if m := string(ring[off : off+8]); m == zfsMagicLE || m == zfsMagicBE {
				s.Offset = label + zfsRing + off
				return s, true
			}
		}
	}
	// Spares and cache devices may have pairs but no uberblock.
	return s, pool != "" || id != ""
}

// Types of a name-value pair that matter here.
const (
	nvUint64 = 8
	nvString = 9
)

// poolOf reads name and pool_guid from a label's pairs. They are in XDR (big-endian, padded to four bytes) on every
// machine: a header of four bytes, version, flags, then pairs that each start with their own length.
func poolOf(b []byte) (name, id string) {
	if len(b) < 12 || b[0] != 1 {
		return "", ""
	}
	for b = b[12:]; len(b) >= 12; {
		size := int64(binary.BigEndian.Uint32(b))
		if size < 12 || size > int64(len(b)) {
			break
		}
		key, kind, value := pair(b[8:size])
		switch {
		case key == "name" && kind == nvString:
			name = clean(xdrText(value))
		case (key == "pool_guid" || key == "guid" && id == "") && kind == nvUint64 && len(value) >= 8:
			id = strconv.FormatUint(binary.BigEndian.Uint64(value), 10)
		}
		b = b[size:]
	}
	return name, id
}

// pair splits what follows the two lengths: name, type, number of elements, value.
func pair(b []byte) (key string, kind uint32, value []byte) {
	key = xdrText(b)
	skip := 4 + (len(key)+3)&^3
	if key == "" || len(b) < skip+8 {
		return "", 0, nil
	}
	return key, binary.BigEndian.Uint32(b[skip:]), b[skip+8:]
}

func xdrText(b []byte) string {
	if len(b) < 4 {
		return ""
	}
	n := int64(binary.BigEndian.Uint32(b))
	if n > int64(len(b)-4) {
		return ""
	}
	return string(b[4 : 4+n])
}
