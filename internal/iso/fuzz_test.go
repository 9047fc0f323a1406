package iso

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// smallImage is the beginning of a real image, its directories, with the files cut down to what is there.
func smallImage(t testing.TB) []byte {
	d := Disc{
		VolumeID: "FUZZ", Epoch: testEpoch, ID: "fuzz", HybridMBR: make([]byte, 440),
		BIOSImage: "core", EFIImage: "_z/efi.img",
		Files: []File{{Path: ".disk/info", Data: []byte("x")}, {Path: "core", Data: make([]byte, 4096)}, {Path: "a/b/c"}},
		ESP:   []File{{Path: "EFI/BOOT/BOOTX64.EFI"}},
	}
	out := filepath.Join(t.TempDir(), "x.iso")
	if _, err := Write(context.Background(), out, d); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	data = data[:40*sector]
	for i := range data[:len(data)-8] { // the one file that is larger than this, in both byte orders
		if binary.LittleEndian.Uint32(data[i:]) == minESP && binary.BigEndian.Uint32(data[i+4:]) == minESP {
			copy(data[i:], make([]byte, 8))
		}
	}
	return data
}

func FuzzRead(f *testing.F) {
	seed := smallImage(f)
	if _, err := read(bytes.NewReader(seed), int64(len(seed))); err != nil {
		f.Fatalf("the seed must be good: %v", err)
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, data []byte) {
		img, err := read(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		err = fs.WalkDir(img, ".", func(name string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			file, err := img.Open(name)
			if err != nil {
				return err
			}
			n, err := io.Copy(io.Discard, file)
			if slot, _ := img.Slot(name); err != nil || n != slot.Size {
				t.Errorf("%s: read %d bytes of %d: %v", name, n, slot.Size, err)
			}
			return nil
		})
		if err != nil {
			t.Errorf("an image that opens must be readable: %v", err)
		}
	})
}

func FuzzPartitionTable(f *testing.F) {
	seed := smallImage(f)[:34*block]
	f.Add(seed[block:])
	f.Fuzz(func(t *testing.T, table []byte) {
		image := append(make([]byte, block), table...)
		if len(image) < 2*block {
			return
		}
		header := image[block : block+gptHeaderSize] // checksums that fit, so that the numbers are looked at
		if len(image) >= 34*block {
			binary.LittleEndian.PutUint32(header[88:], crc32.ChecksumIEEE(image[2*block:34*block]))
		}
		binary.LittleEndian.PutUint32(header[16:], checksum(header))
		d, err := readDisk(&volume{r: bytes.NewReader(image), size: int64(len(image))})
		if err == nil && len(d.Partitions) > maxPartitions {
			t.Errorf("%d partitions", len(d.Partitions))
		}
	})
}
