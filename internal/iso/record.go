package iso

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// record is a directory record of ISO 9660 with what Rock Ridge adds to it. Offsets are those in the image, for stamp.
type record struct {
	id     string // as ISO 9660 has it; "\x00" is the directory itself, "\x01" the one above
	name   string // as Rock Ridge has it, or empty
	dir    bool
	extent Extent
	time   time.Time
	stamps []int64 // where its timestamps of 7 bytes are
	nameAt int64   // where the name begins; 0 when it has none
	attrs  int64   // where its modes, links and owners are; 0 when nowhere
}

const (
	maxDirectory  = 16 * mib // a directory that large is a forgery
	maxContinued  = 64       // areas that one record may be continued in
	minRecord     = 34
	stampSize     = 7
	selfID        = "\x00"
	parentID      = "\x01"
	flagDirectory = 0x02
	flagMore      = 0x80 // the file goes on in the next record
)

// volume is an ISO 9660 file system whose every number is doubted.
type volume struct {
	r    io.ReaderAt
	size int64
	susp int // bytes to skip in front of the system use entries; -1 when there are none
}

func (v *volume) read(e Extent) ([]byte, error) {
	if err := v.inside(e); err != nil {
		return nil, err
	}
	data := make([]byte, e.Size)
	if _, err := v.r.ReadAt(data, e.Offset); err != nil {
		return nil, fmt.Errorf("read %d bytes at %d: %w", e.Size, e.Offset, err)
	}
	return data, nil
}

func (v *volume) inside(e Extent) error {
	if e.Offset < 0 || e.Size < 0 || e.Offset > v.size || e.Size > v.size-e.Offset {
		return fmt.Errorf("%d bytes at %d are beyond the end of the image, which is %d bytes", e.Size, e.Offset, v.size)
	}
	return nil
}

// directory reads the records of one directory.
func (v *volume) directory(e Extent) ([]record, error) {
	if e.Size > maxDirectory {
		return nil, fmt.Errorf("directory at %d: is %d bytes, more than %d", e.Offset, e.Size, maxDirectory)
	}
	data, err := v.read(e)
	if err != nil {
		return nil, err
	}
	var records []record
	for pos := 0; pos < len(data); {
		n := int(data[pos])
		if n == 0 { // no record crosses a sector's end
			pos = (pos/sector + 1) * sector
			continue
		}
		if pos+n > len(data) {
			return nil, fmt.Errorf("record at %d: is cut off", e.Offset+int64(pos))
		}
		rec, err := v.parse(data[pos:pos+n], e.Offset+int64(pos))
		if err != nil {
			return nil, fmt.Errorf("record at %d: %w", e.Offset+int64(pos), err)
		}
		records = append(records, rec)
		pos += n
	}
	return records, nil
}

// parse reads one record, which is at offset at.
func (v *volume) parse(b []byte, at int64) (record, error) {
	if len(b) < minRecord || 33+int(b[32]) > len(b) {
		return record{}, errors.New("is too short")
	}
	if b[25]&flagMore != 0 || b[26] != 0 {
		return record{}, errors.New("the file is not in one piece")
	}
	rec := record{
		id:  string(b[33 : 33+b[32]]),
		dir: b[25]&flagDirectory != 0,
		extent: Extent{
			Offset: int64(binary.LittleEndian.Uint32(b[2:])) * sector,
			Size:   int64(binary.LittleEndian.Uint32(b[10:])),
		},
		time:   parseStamp(b[18:25]),
		stamps: []int64{at + 18},
	}
	use := 33 + (int(b[32]) | 1) // the identifier is padded to an odd length
	if v.susp < 0 || use+v.susp > len(b) {
		return rec, nil
	}
	return rec, v.systemUse(&rec, b[use+v.susp:], at+int64(use+v.susp))
}

// systemUse reads the entries after a record and the areas that they are continued in.
func (v *volume) systemUse(rec *record, area []byte, at int64) error {
	for range maxContinued {
		more, err := rec.entries(area, at)
		if err != nil || more == (Extent{}) {
			return err
		}
		if more.Size > sector {
			return fmt.Errorf("is continued in %d bytes, more than a sector", more.Size)
		}
		if area, err = v.read(more); err != nil {
			return err
		}
		at = more.Offset
	}
	return errors.New("is continued for ever")
}

// entries reads the entries in one area; the extent is where they go on.
func (rec *record) entries(area []byte, at int64) (more Extent, err error) {
	for len(area) >= 4 && area[0] != 0 {
		n := int(area[2])
		if n < 4 || n > len(area) {
			return Extent{}, fmt.Errorf("entry %q has a bad length", area[:2])
		}
		data := area[4:n]
		switch string(area[:2]) {
		case "NM":
			if n > 5 {
				rec.name += string(data[1:])
				rec.nameAt = cmp.Or(rec.nameAt, at+5)
			}
		case "PX":
			if n >= 36 {
				rec.attrs = at + 4
			}
		case "TF":
			rec.stamps = append(rec.stamps, stampOffsets(data, at+4)...)
		case "CE":
			if n < 28 {
				return Extent{}, errors.New("continuation entry is too short")
			}
			more = Extent{
				Offset: int64(binary.LittleEndian.Uint32(data))*sector + int64(binary.LittleEndian.Uint32(data[8:])),
				Size:   int64(binary.LittleEndian.Uint32(data[16:])),
			}
		case "ST":
			return more, nil
		}
		area, at = area[n:], at+int64(n)
	}
	return more, nil
}

// stampOffsets finds the timestamps of a TF entry, one after its flags for each bit. The long form is not of our making.
func stampOffsets(data []byte, at int64) []int64 {
	const longForm = 0x80
	if len(data) == 0 || data[0]&longForm != 0 {
		return nil
	}
	var offsets []int64
	for pos := 1; pos+stampSize <= len(data); pos += stampSize {
		offsets = append(offsets, at+int64(pos))
	}
	return offsets
}

func parseStamp(b []byte) time.Time {
	zone := time.FixedZone("", int(int8(b[6]))*15*60)
	return time.Date(1900+int(b[0]), time.Month(b[1]), int(b[2]), int(b[3]), int(b[4]), int(b[5]), 0, zone).UTC()
}

func formatStamp(t time.Time) []byte {
	t = t.UTC()
	return []byte{byte(t.Year() - 1900), byte(t.Month()), byte(t.Day()), byte(t.Hour()), byte(t.Minute()), byte(t.Second()), 0}
}
