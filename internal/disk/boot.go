package disk

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// bootMagic ends the first sector of every PC boot record, FAT file systems included.
const bootMagic = "\x55\xaa"

// boot recognises what shares the first sector: GPT with its copies, MBR and FAT.
func (a area) boot() []Signature {
	var found []Signature
	for _, off := range []int64{512, 4096, -512, -4096} {
		if pos := a.at(off); a.has(pos, gptMagic) {
			found = append(found, Signature{Kind: "gpt", Offset: pos, UUID: a.diskGUID(pos)})
		}
	}
	if copyAt := a.otherHeader(); copyAt > 0 && a.has(copyAt, gptMagic) {
		found = append(found, Signature{Kind: "gpt", Offset: copyAt, UUID: a.diskGUID(copyAt)})
	}
	return append(found, a.firstSector()...)
}

func (a area) firstSector() []Signature {
	b := a.read(0, 512)
	if b == nil {
		return nil
	}
	if s, ok := fat(b); ok {
		return []Signature{s}
	}
	switch {
	case string(b[510:]) != bootMagic:
		return nil
	case bootRecordOfWindows(b):
		return nil // the table of formats has it
	case hasEntryOf(b, protective):
		return []Signature{{Kind: "PMBR", Offset: 510}}
	}
	return []Signature{{Kind: "dos", Offset: 510, UUID: mbrID(b)}}
}

// bootRecordOfWindows: NTFS and its kin end their first sector like an MBR, and have boot code where entries would be.
func bootRecordOfWindows(b []byte) bool {
	switch string(b[3:11]) {
	case "NTFS    ", "EXFAT   ", "-FVE-FS-":
		return true
	}
	return false
}

func mbrID(b []byte) string {
	if id := binary.LittleEndian.Uint32(b[440:]); id != 0 {
		return fmt.Sprintf("%08x", id)
	}
	return ""
}

// fat recognises FAT12, FAT16 and FAT32, also without the name that only most formatters write.
func fat(b []byte) (Signature, bool) {
	if string(b[3:11]) == "NTFS    " || string(b[3:11]) == "EXFAT   " {
		return Signature{}, false
	}
	switch {
	case string(b[82:90]) == "FAT32   ":
		return Signature{Kind: "vfat", Offset: 82, Label: fatLabel(b, 71), UUID: serial(67)(b)}, true
	case string(b[54:57]) == "FAT":
		return Signature{Kind: "vfat", Offset: 54, Label: fatLabel(b, 43), UUID: serial(39)(b)}, true
	case string(b[510:]) == bootMagic && sensibleFAT(b):
		return Signature{Kind: "vfat", Offset: 510}, true
	}
	return Signature{}, false
}

func fatLabel(b []byte, off int) string {
	if s := text(off, 11)(b); s != "NO NAME" {
		return s
	}
	return ""
}

// sensibleFAT checks the BIOS parameter block, as the kernel does before it mounts.
func sensibleFAT(b []byte) bool {
	sector := binary.LittleEndian.Uint16(b[11:])
	cluster, reserved, copies, media := b[13], binary.LittleEndian.Uint16(b[14:]), b[16], b[21]
	return (b[0] == 0xeb || b[0] == 0xe9) &&
		sector >= 512 && sector <= 4096 && bits.OnesCount16(sector) == 1 &&
		bits.OnesCount8(cluster) == 1 && reserved > 0 && (copies == 1 || copies == 2) &&
		(media == 0xf0 || media >= 0xf8)
}
