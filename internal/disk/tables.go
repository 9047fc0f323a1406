package disk

import (
	"encoding/binary"
	"slices"
)

const (
	gptMagic   = "EFI PART"
	protective = 0xee

	// An untrusted table may claim anything; real ones have at most 128 entries of 128 bytes.
	maxEntries   = 256
	maxEntrySize = 4096
	maxLogical   = 64
)

// partitions are the areas that the disk's own tables describe, numbered as Linux does. Any readable GPT counts, so that
// what lies behind a damaged primary is still found.
func (a area) partitions() []area {
	for _, t := range a.gptHeaders() {
		if parts := a.gptEntries(t.at, t.sector); len(parts) > 0 {
			return parts
		}
	}
	return a.mbrEntries()
}

// gptHeader is a place where a GPT may begin, for a size of sectors.
type gptHeader struct{ at, sector int64 }

func (a area) gptHeaders() []gptHeader {
	var all []gptHeader
	for _, sector := range []int64{a.sector, 512, 4096} {
		all = append(all, gptHeader{sector, sector}, gptHeader{a.size - sector, sector})
	}
	return all
}

func (a area) gptEntries(header, sector int64) []area {
	var parts []area
	for _, e := range a.gptSlots(header, sector) {
		start, end := lba(e.data[32:], sector), lba(e.data[40:], sector)
		if p, ok := a.part(e.number, start, end-start+sector); ok {
			parts = append(parts, p)
		}
	}
	return parts
}

// gptSlot is an entry in use, as it stands on the disk.
type gptSlot struct {
	number int
	data   []byte
}

func (a area) gptSlots(header, sector int64) []gptSlot {
	h := a.read(header, 92)
	if h == nil || string(h[:8]) != gptMagic {
		return nil
	}
	first := lba(h[72:], sector)
	count, size := int64(binary.LittleEndian.Uint32(h[80:])), int64(binary.LittleEndian.Uint32(h[84:]))
	if size < 128 || size > maxEntrySize {
		return nil
	}
	var slots []gptSlot
	for i := range min(count, maxEntries) {
		e := a.read(first+i*size, 128)
		if e == nil || binary.LittleEndian.Uint64(e) == 0 && binary.LittleEndian.Uint64(e[8:]) == 0 {
			continue
		}
		slots = append(slots, gptSlot{int(i) + 1, e})
	}
	return slots
}

// lba turns a sector number into bytes; one that no disk has becomes a position that nothing can be read from.
func lba(b []byte, sector int64) int64 {
	n := binary.LittleEndian.Uint64(b)
	if n > 1<<50 {
		return -1
	}
	return int64(n) * sector
}

// otherHeader is where the primary GPT says its copy is: not at the end when the disk has grown since.
func (a area) otherHeader() int64 {
	for _, sector := range []int64{512, 4096} {
		if h := a.read(sector, 92); h != nil && string(h[:8]) == gptMagic {
			return lba(h[32:], sector)
		}
	}
	return 0
}

func (a area) diskGUID(header int64) string {
	b := a.read(header+56, 16)
	if b == nil {
		return ""
	}
	slices.Reverse(b[:4])
	slices.Reverse(b[4:6])
	slices.Reverse(b[6:8])
	return guid(0)(b)
}

// mbrEntry is one of the four slots of a boot record.
type mbrEntry struct {
	kind        byte
	start, size int64 // sectors
}

func entries(b []byte) []mbrEntry {
	var found []mbrEntry
	for off := 446; off < 510; off += 16 {
		e := b[off : off+16]
		found = append(found, mbrEntry{e[4], int64(binary.LittleEndian.Uint32(e[8:])), int64(binary.LittleEndian.Uint32(e[12:]))})
	}
	return found
}

func hasEntryOf(b []byte, kind byte) bool {
	return slices.ContainsFunc(entries(b), func(e mbrEntry) bool { return e.kind == kind })
}

func extended(kind byte) bool { return kind == 0x05 || kind == 0x0f || kind == 0x85 }

func (a area) mbrEntries() []area {
	b := a.read(0, 512)
	if b == nil || string(b[510:]) != bootMagic || bootRecordOfWindows(b) {
		return nil
	}
	if _, isFAT := fat(b); isFAT {
		return nil // code stands where entries would be
	}
	var parts []area
	for i, e := range entries(b) {
		if extended(e.kind) {
			parts = append(parts, a.logical(e)...)
		} else if p, ok := a.part(i+1, e.start*a.sector, e.size*a.sector); ok && e.kind != protective {
			parts = append(parts, p)
		}
	}
	return parts
}

// logical walks the chain of an extended partition; it may be a ring on a damaged disk, hence the bound.
func (a area) logical(ext mbrEntry) []area {
	var parts []area
	next := ext.start
	for number := 5; number < 5+maxLogical; number++ {
		b := a.read(next*a.sector, 512)
		if b == nil || string(b[510:]) != bootMagic {
			break
		}
		slots := entries(b)
		if p, ok := a.part(number, (next+slots[0].start)*a.sector, slots[0].size*a.sector); ok {
			parts = append(parts, p)
		}
		if !extended(slots[1].kind) || slots[1].start == 0 {
			break
		}
		next = ext.start + slots[1].start
	}
	return parts
}
