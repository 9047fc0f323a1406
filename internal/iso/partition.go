package iso

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/google/uuid"
)

// Disk is what a machine sees that boots the image as a disk.
type Disk struct {
	BootCode   bool   // the boot record holds code
	Active     bool   // one entry of it is marked active
	Protective bool   // one entry of it protects the partition table
	GUID       string // of the partition table; empty when there is none
	Partitions []Partition
}

// Partition is one entry of the partition table.
type Partition struct {
	Type, GUID, Name string
	Extent
}

const (
	gptHeaderSize = 92
	gptEntrySize  = 128
	maxPartitions = 1024
)

// readDisk is our own and not the library's: that one trusts the number and size of the entries, whoever wrote them.
func readDisk(v *volume) (Disk, error) {
	b, err := v.read(Extent{0, 2 * block})
	if err != nil {
		return Disk{}, err
	}
	var d Disk
	if b[510] == 0x55 && b[511] == 0xaa {
		d.BootCode = slices.ContainsFunc(b[:bootCodeSize], func(c byte) bool { return c != 0 })
		for entry := range slices.Chunk(b[446:510], 16) {
			d.Active = d.Active || entry[0] == 0x80
			d.Protective = d.Protective || entry[4] == 0xee
		}
	}
	header := b[block : block+gptHeaderSize]
	if string(header[:8]) != "EFI PART" {
		return d, nil
	}
	d.GUID = guid(header[56:72])
	d.Partitions, err = readPartitions(v, header)
	return d, err
}

func readPartitions(v *volume, header []byte) ([]Partition, error) {
	n, size := binary.LittleEndian.Uint32(header[80:]), binary.LittleEndian.Uint32(header[84:])
	first := binary.LittleEndian.Uint64(header[72:])
	if n > maxPartitions || size != gptEntrySize || first > uint64(v.size/block) {
		return nil, fmt.Errorf("%d entries of %d bytes at block %d are not to be believed", n, size, first)
	}
	if checksum(header) != binary.LittleEndian.Uint32(header[16:]) {
		return nil, errors.New("checksum of the header is wrong")
	}
	b, err := v.read(Extent{int64(first) * block, int64(n) * gptEntrySize})
	if err != nil {
		return nil, err
	}
	if crc32.ChecksumIEEE(b) != binary.LittleEndian.Uint32(header[88:]) {
		return nil, errors.New("checksum of the entries is wrong")
	}
	var partitions []Partition
	for entry := range slices.Chunk(b, gptEntrySize) {
		if p := parsePartition(entry); p.Type != uuid.Nil.String() {
			partitions = append(partitions, p)
		}
	}
	return partitions, nil
}

// checksum of a header is taken with the checksum's own field zero.
func checksum(header []byte) uint32 {
	b := slices.Clone(header)
	clear(b[16:20])
	return crc32.ChecksumIEEE(b)
}

func parsePartition(b []byte) Partition {
	first, last := binary.LittleEndian.Uint64(b[32:]), binary.LittleEndian.Uint64(b[40:])
	var name []uint16
	for ; len(name) < 36; name = append(name, binary.LittleEndian.Uint16(b[56+2*len(name):])) {
	}
	return Partition{
		Type: guid(b[:16]), GUID: guid(b[16:32]),
		Name:   strings.TrimRight(string(utf16.Decode(name)), "\x00"),
		Extent: Extent{int64(first * block), int64((last - first + 1) * block)},
	}
}

// guid: the first three parts are stored with the low byte first.
func guid(b []byte) string {
	return uuid.UUID{b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]}.String()
}
