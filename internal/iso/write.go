package iso

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"syscall"

	"github.com/diskfs/go-diskfs/backend/file"
	"github.com/diskfs/go-diskfs/filesystem/iso9660"
)

// Extent is a run of bytes in an image.
type Extent struct{ Offset, Size int64 }

// Layout says where things are in an image, in bytes.
type Layout struct {
	Size  int64
	BIOS  Extent            // the core image
	EFI   Extent            // the EFI system partition
	Files map[string]Extent // by path
}

const (
	sector = 2048    // of a CD
	block  = 512     // of a disk
	mib    = 1 << 20 // what the image is rounded up to, as disk tools expect
)

// Write makes the image out. The file appears complete and verified, or not at all: every file on it was read back and
// compared with its source. All mistakes in d are in the error, before anything is written.
func Write(ctx context.Context, out string, d Disc) (Layout, error) {
	if err := errors.Join(d.check(), checkOpenFiles(len(d.Files))); err != nil {
		return Layout{}, fmt.Errorf("check disc: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(out), "."+filepath.Base(out)+".*")
	if err != nil {
		return Layout{}, fmt.Errorf("write %s: %w", out, err)
	}
	defer os.Remove(f.Name()) // gone already when all went well
	defer f.Close()
	layout, err := d.write(ctx, f)
	if err != nil {
		return Layout{}, fmt.Errorf("write %s: %w", out, err)
	}
	if err := publish(f, out); err != nil {
		return Layout{}, fmt.Errorf("write %s: %w", out, err)
	}
	return layout, nil
}

// checkOpenFiles: the library keeps every file open until the image is complete.
func checkOpenFiles(n int) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("get limit of open files: %w", err)
	}
	if need := uint64(n) + 64; need > limit.Cur {
		return fmt.Errorf("%d files need %d open at once, the limit is %d; raise it with ulimit -n %d", n, need, limit.Cur, need)
	}
	return nil
}

func (d Disc) write(ctx context.Context, f *os.File) (Layout, error) {
	stage, err := os.MkdirTemp(filepath.Dir(f.Name()), path.Base(f.Name())+".stage*")
	if err != nil {
		return Layout{}, err
	}
	defer os.RemoveAll(stage) // Finalize removes it too, but only when it succeeds
	if err := d.stage(ctx, stage); err != nil {
		return Layout{}, err
	}
	if err := d.finalize(f, stage); err != nil {
		return Layout{}, err
	}
	if err := errors.Join(stamp(f, d), ctx.Err()); err != nil {
		return Layout{}, err
	}
	if err := d.makeBootable(f); err != nil {
		return Layout{}, err
	}
	if err := f.Sync(); err != nil {
		return Layout{}, err
	}
	return d.verify(ctx, f)
}

func (d Disc) finalize(f *os.File, stage string) error {
	fsys, err := iso9660.Create(file.New(f, false), 0, 0, sector, stage)
	if err != nil {
		return fmt.Errorf("create file system: %w", err)
	}
	err = fsys.Finalize(iso9660.FinalizeOptions{
		RockRidge:        true,
		VolumeIdentifier: d.VolumeID,
		ElTorito: &iso9660.ElTorito{
			HideBootCatalog: true,
			Entries: []*iso9660.ElToritoEntry{
				{Platform: iso9660.BIOS, Emulation: iso9660.NoEmulation, BootFile: stagedName(d.BIOSImage)},
				{Platform: iso9660.EFI, Emulation: iso9660.NoEmulation, BootFile: stagedName(d.EFIImage)},
			},
		},
	})
	if err != nil {
		return fmt.Errorf("write file system: %w", err)
	}
	return nil
}

// publish gives the finished file its name.
func publish(f *os.File, out string) error {
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), out); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(out))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
