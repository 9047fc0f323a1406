package disk

import (
	"encoding/binary"
	"slices"
	"strings"
)

// extAt are the primary superblock and, for a disk whose head was zeroed, the first copies with 1 KiB and 4 KiB blocks.
var extAt = []int64{1 * kib, 8193 * kib, 128 * mib}

const (
	extMagic  = "\x53\xef"
	extCompat = 0x5c // three words of features: compatible, incompatible, read-only compatible

	hasJournal  = 0x4
	journalDev  = 0x8
	ext4Incompa = 0x40 | 0x80 | 0x100 | 0x200 | 0x400 | 0x1000 | 0x2000 | 0x8000 | 0x10000
	ext4ROCompa = 0x8 | 0x10 | 0x20 | 0x40 | 0x200 | 0x400 | 0x2000
)

func (a area) ext() []Signature {
	var found []Signature
	for _, at := range extAt {
		b := a.read(at, 1024)
		if b == nil || string(b[56:58]) != extMagic || binary.LittleEndian.Uint32(b[24:]) > 6 {
			continue // block sizes end at 64 KiB
		}
		found = append(found, Signature{Kind: extKind(b), Offset: at + 56, UUID: guid(0x68)(b), Label: text(0x78, 16)(b)})
	}
	return found
}

func extKind(b []byte) string {
	compat := binary.LittleEndian.Uint32(b[extCompat:])
	incompat := binary.LittleEndian.Uint32(b[extCompat+4:])
	readOnly := binary.LittleEndian.Uint32(b[extCompat+8:])
	switch {
	case incompat&journalDev != 0:
		return "jbd"
	case incompat&ext4Incompa != 0 || readOnly&ext4ROCompa != 0:
		return "ext4"
	case compat&hasJournal != 0:
		return "ext3"
	}
	return "ext2"
}

// swapMagics stand at the end of the first page, whatever the page size of the machine that wrote it.
var swapMagics = map[string][]string{
	"swap":      {"SWAP-SPACE", "SWAPSPACE2"},
	"swsuspend": {"S1SUSPEND", "S2SUSPEND", "ULSUSPEND", "LINHIB0001", "\xed\xc3\x02\xe9\x98\x56\xe5\x0c"},
}

func (a area) swap() []Signature {
	var found []Signature
	for page := int64(4 * kib); page <= 64*kib; page *= 2 {
		switch kind := swapKind(string(a.read(page-10, 10))); kind {
		case "":
		case "swap":
			head := a.read(0, page)
			found = append(found, Signature{Kind: kind, Offset: page - 10, UUID: guid(0x40c)(head), Label: text(0x41c, 16)(head)})
		default:
			found = append(found, Signature{Kind: kind, Offset: page - 10})
		}
	}
	return found
}

func swapKind(tail string) string {
	for kind, magics := range swapMagics {
		if slices.ContainsFunc(magics, func(m string) bool { return strings.HasPrefix(tail, m) }) {
			return kind
		}
	}
	return ""
}

// lvm finds a physical volume: its label may stand in any of the first four sectors.
func (a area) lvm() []Signature {
	var found []Signature
	for sector := range int64(4) {
		b := a.read(sector*512, 512)
		if b == nil || string(b[:8]) != "LABELONE" || string(b[24:32]) != "LVM2 001" {
			continue
		}
		s := Signature{Kind: "LVM2_member", Offset: sector*512 + 24}
		if head := int64(binary.LittleEndian.Uint32(b[20:])); head >= 32 && head <= 512-32 {
			s.UUID = text(int(head), 32)(b)
		}
		found = append(found, s)
	}
	return found
}

// udfSectors is how far the volume recognition sequence is followed.
const udfSectors = 32

// udf looks for the NSR descriptor; sectors are 2 KiB, or larger where the disk's are.
func (a area) udf() []Signature {
	for _, step := range []int64{2048, 4096} {
		for i := range int64(udfSectors) {
			at := 32*kib + i*step + 1
			if id := string(a.read(at, 5)); id == "NSR02" || id == "NSR03" {
				return []Signature{{Kind: "udf", Offset: at}}
			}
		}
	}
	return nil
}
