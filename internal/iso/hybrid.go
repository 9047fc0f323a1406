package iso

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"github.com/diskfs/go-diskfs/partition/gpt"
)

const (
	bootCodeSize   = 440  // what a boot record leaves for code
	mbrCoreLBA     = 432  // where boot_hybrid.img keeps the block of the core image
	mbrSecondEntry = 462  // of the partition table
	bootInfo       = 8    // the boot information table that GRUB's cdboot.img reads: 56 bytes
	bootInfoEnd    = 64   //
	coreBlockList  = 2548 // where the core image keeps the block of its own second part
	minCore        = coreBlockList + 8
)

// makeBootable adds what lies outside the ISO file system: the addresses that boot code needs and, for disks, the boot
// record and partition tables. A CD's own system area is empty.
func (d Disc) makeBootable(f *os.File) error {
	img, err := readFile(f)
	if err != nil {
		return err
	}
	bios, err1 := img.Slot(d.BIOSImage)
	efi, err2 := img.Slot(d.EFIImage)
	core, err3 := d.core(bios)
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	size, err := pad(f)
	if err != nil {
		return err
	}
	table := gpt.Table{
		ProtectiveMBR: true,
		GUID:          deriveID("disk", d.ID).String(),
		Partitions: []*gpt.Partition{{
			Index: 1, Type: gpt.EFISystemPartition, Name: "EFI", GUID: deriveID("esp", d.ID).String(),
			Start: uint64(efi.Offset / block), End: uint64((efi.Offset+efi.Size)/block) - 1, Size: uint64(efi.Size),
		}},
	}
	if err := table.Write(f, size); err != nil {
		return fmt.Errorf("write partition table: %w", err)
	}
	_, err1 = f.WriteAt(core, bios.Offset)
	_, err2 = f.WriteAt(mbrCode(d.HybridMBR, bios), 0)
	_, err3 = f.WriteAt(activeEntry, mbrSecondEntry)
	return errors.Join(err1, err2, err3)
}

// activeEntry is an empty partition with the active flag: some BIOSes don't boot a disk without one, and the protective
// entry must not have it.
var activeEntry = []byte{0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0}

// pad rounds the image up and leaves room for the second partition table.
func pad(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	size := roundUp(info.Size(), mib) + mib
	return size, f.Truncate(size)
}

func mbrCode(hybrid []byte, bios Extent) []byte {
	code := append([]byte(nil), hybrid[:bootCodeSize]...)
	binary.LittleEndian.PutUint64(code[mbrCoreLBA:], uint64(bios.Offset/block)+4)
	return code
}

// core is the BIOS boot image with its own address in it.
func (d Disc) core(at Extent) ([]byte, error) {
	for _, f := range d.Files {
		if f.Path == d.BIOSImage {
			data, err := f.bytes()
			if err != nil {
				return nil, err
			}
			return patchCore(data, at.Offset)
		}
	}
	return nil, fmt.Errorf("%s: is missing", d.BIOSImage)
}

func patchCore(data []byte, offset int64) ([]byte, error) {
	if len(data) < minCore {
		return nil, fmt.Errorf("BIOS boot image is %d bytes, too short for a core image", len(data))
	}
	core := append([]byte(nil), data...)
	clear(core[bootInfo:bootInfoEnd])
	binary.LittleEndian.PutUint32(core[8:], firstDescriptor)
	binary.LittleEndian.PutUint32(core[12:], uint32(offset/sector))
	binary.LittleEndian.PutUint32(core[16:], uint32(len(core)))
	binary.LittleEndian.PutUint64(core[coreBlockList:], uint64(offset/block)+5)
	binary.LittleEndian.PutUint32(core[20:], sum32(core[bootInfoEnd:]))
	return core, nil
}

// sum32 adds up little-endian words, the last one filled with zeros.
func sum32(data []byte) (sum uint32) {
	for len(data) >= 4 {
		sum += binary.LittleEndian.Uint32(data)
		data = data[4:]
	}
	var last [4]byte
	copy(last[:], data)
	return sum + binary.LittleEndian.Uint32(last[:])
}
