package iso

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// errDiffers is what a full disk looks like: the library ignores most errors of writing.
var errDiffers = errors.New("differs from its source; is the disk full or faulty?")

// verify reads the finished image as anybody would and compares each file on it with its source.
func (d Disc) verify(ctx context.Context, f *os.File) (Layout, error) {
	img, err := readFile(f)
	if err != nil {
		return Layout{}, err
	}
	layout := Layout{Size: img.Size, Files: map[string]Extent{}}
	for _, file := range d.Files {
		if err := errors.Join(ctx.Err(), d.verifyFile(img, file)); err != nil {
			return Layout{}, fmt.Errorf("verify %s: %w", file.Path, err)
		}
	}
	if err := fs.WalkDir(img, ".", func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			layout.Files[name], err = img.Slot(name)
		}
		return err
	}); err != nil {
		return Layout{}, err
	}
	layout.BIOS, layout.EFI = layout.Files[d.BIOSImage], layout.Files[d.EFIImage]
	if err := verifyESP(f, layout.EFI, d.ESP); err != nil {
		return Layout{}, fmt.Errorf("verify EFI system partition: %w", err)
	}
	return layout, d.verifyBoot(img, layout)
}

func (d Disc) verifyFile(img *Image, file File) error {
	got, err := img.Open(file.Path)
	if err != nil {
		return err
	}
	want, err := file.open()
	if err != nil {
		return err
	}
	defer want.Close()
	if file.Path == d.BIOSImage {
		slot, err := img.Slot(file.Path)
		if err != nil {
			return err
		}
		core, err := d.core(slot)
		if err != nil {
			return err
		}
		return equal(got, bytes.NewReader(core))
	}
	return equal(got, want)
}

// equal compares two streams.
func equal(a, b io.Reader) error {
	const size = 256 << 10
	x, y := bufio.NewReaderSize(a, size), bufio.NewReaderSize(b, size)
	for {
		p, errP := x.Peek(size)
		q, errQ := y.Peek(size)
		if !bytes.Equal(p, q) {
			return errDiffers
		}
		if errP == io.EOF && errQ == io.EOF {
			return nil
		}
		if err := errors.Join(errP, errQ); err != nil {
			return err
		}
		_, errP = x.Discard(len(p))
		_, errQ = y.Discard(len(q))
		if err := errors.Join(errP, errQ); err != nil {
			return err
		}
	}
}

// verifyBoot: the catalog and the partition table must lead to the same images as the directories do.
func (d Disc) verifyBoot(img *Image, l Layout) error {
	if len(img.Boot) != 2 || img.Boot[0].Offset != l.BIOS.Offset || img.Boot[1].Offset != l.EFI.Offset {
		return fmt.Errorf("verify boot catalog: %v, want %d and %d", img.Boot, l.BIOS.Offset, l.EFI.Offset)
	}
	if len(img.Disk.Partitions) != 1 || img.Disk.Partitions[0].Extent != l.EFI {
		return fmt.Errorf("verify partition table: %v, want %v", img.Disk.Partitions, l.EFI)
	}
	return nil
}
