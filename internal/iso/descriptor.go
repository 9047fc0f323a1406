package iso

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

const (
	firstDescriptor = 16 // the sector
	maxDescriptors  = 32
	catalogSize     = sector
	elTorito        = "EL TORITO SPECIFICATION"

	typeBoot, typePrimary, typeEnd = 0, 1, 255

	// in the primary descriptor
	descriptorTimes = 813
	timeSize        = 17
	noTime          = "0000000000000000\x00"
)

// descriptors are what the sectors from 16 on say about the volume.
type descriptors struct {
	volumeID string
	created  time.Time
	root     record
	catalog  int64 // offset of the boot catalog, 0 when there is none
}

func readDescriptors(r io.ReaderAt, size int64) (descriptors, error) {
	v := &volume{r: r, size: size, susp: -1}
	var d descriptors
	for i := range int64(maxDescriptors) {
		b, err := v.read(Extent{(firstDescriptor + i) * sector, sector})
		if err != nil {
			return d, fmt.Errorf("not an ISO 9660 image: %w", err)
		}
		if string(b[1:6]) != "CD001" {
			return d, fmt.Errorf("not an ISO 9660 image: no descriptor in sector %d", firstDescriptor+i)
		}
		switch {
		case b[0] == typeEnd && d.root.dir:
			return d, nil
		case b[0] == typeEnd:
			return d, errors.New("not an ISO 9660 image: no primary descriptor")
		case b[0] == typePrimary && !d.root.dir:
			err = d.primary(v, b)
		case b[0] == typeBoot && strings.HasPrefix(string(b[7:]), elTorito):
			d.catalog = int64(binary.LittleEndian.Uint32(b[0x47:])) * sector
		}
		if err != nil {
			return d, err
		}
	}
	return d, fmt.Errorf("more than %d volume descriptors", maxDescriptors)
}

func (d *descriptors) primary(v *volume, b []byte) (err error) {
	if n := binary.LittleEndian.Uint16(b[128:]); n != sector {
		return fmt.Errorf("sectors of %d bytes are not supported", n)
	}
	d.volumeID = strings.TrimRight(string(b[40:72]), " \x00")
	d.created, _ = time.Parse("20060102150405", string(b[descriptorTimes:descriptorTimes+14])) // an image may have no date
	if d.root, err = v.parse(b[156:156+minRecord], firstDescriptor*sector+156); err != nil {
		return fmt.Errorf("root directory: %w", err)
	}
	if !d.root.dir {
		return errors.New("root directory: is a file")
	}
	return nil
}

// BootEntry is one way to boot the image as a CD.
type BootEntry struct {
	Platform string // "BIOS", "UEFI" or a number
	Bootable bool
	Offset   int64 // of the boot image
	Sectors  int   // of 512 bytes that the firmware loads; 0 when that doesn't fit in 16 bits
}

// readCatalog reads an El Torito boot catalog: a validation entry, the default entry, then headers with their entries.
func readCatalog(v *volume, at int64) ([]BootEntry, error) {
	b, err := v.read(Extent{at, catalogSize})
	if err != nil {
		return nil, err
	}
	if b[0] != 1 || b[30] != 0x55 || b[31] != 0xaa || sum16(b[:32]) != 0 {
		return nil, errors.New("no valid first entry")
	}
	entries := []BootEntry{bootEntry(b[1], b[32:64])}
	for pos := 64; pos+64 <= len(b) && b[pos]&0xfe == 0x90; {
		platform, n, last := b[pos+1], int(binary.LittleEndian.Uint16(b[pos+2:])), b[pos] == 0x91
		for pos += 32; n > 0 && pos+32 <= len(b); n, pos = n-1, pos+32 {
			entries = append(entries, bootEntry(platform, b[pos:pos+32]))
		}
		if last {
			break
		}
	}
	return entries, nil
}

func bootEntry(platform byte, b []byte) BootEntry {
	names := map[byte]string{0: "BIOS", 0xef: "UEFI"}
	name, known := names[platform]
	if !known {
		name = fmt.Sprintf("%#02x", platform)
	}
	return BootEntry{
		Platform: name,
		Bootable: b[0] == 0x88,
		Offset:   int64(binary.LittleEndian.Uint32(b[8:])) * sector,
		Sectors:  int(binary.LittleEndian.Uint16(b[6:])),
	}
}

func sum16(b []byte) (sum uint16) {
	for ; len(b) >= 2; b = b[2:] {
		sum += binary.LittleEndian.Uint16(b)
	}
	return sum
}
