package main

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"debvisor/internal/iso"
)

// disc writes the files of the image again, with internal/iso (which also reads everything back) and with xorriso.
func (b bench) disc(ctx context.Context) (Result, error) {
	work, err := b.workspace()
	if err != nil {
		return Result{}, err
	}
	defer os.RemoveAll(work)
	tree := filepath.Join(work, "tree")
	disc, err := b.extract(tree)
	if err != nil {
		return Result{}, err
	}
	ours, err := b.fastest(func() error {
		_, err := iso.Write(ctx, filepath.Join(work, "ours.iso"), disc)
		return err
	})
	if err != nil {
		return Result{}, err
	}
	theirs, err := b.fastest(b.command(ctx, "xorriso", "-as", "mkisofs", "-quiet", "-o", filepath.Join(work, "theirs.iso"), "-R",
		"-b", disc.BIOSImage, "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table",
		"-eltorito-alt-boot", "-e", disc.EFIImage, "-no-emul-boot", tree))
	if err != nil {
		return Result{}, err
	}
	return Result{Name: "iso", Seconds: map[string]float64{"debvisor": ours, "xorriso": theirs}, Ratio: map[string]float64{"debvisor/xorriso": ours / theirs}}, nil
}

// extract copies the image's files to dir and returns the disc that they make.
func (b bench) extract(dir string) (iso.Disc, error) {
	name, err := b.image()
	if err != nil {
		return iso.Disc{}, err
	}
	img, err := iso.Open(name)
	if err != nil {
		return iso.Disc{}, err
	}
	defer img.Close()
	if err := os.CopyFS(dir, img); err != nil {
		return iso.Disc{}, err
	}
	d := iso.Disc{VolumeID: "DEBVISOR_BENCH", Epoch: time.Unix(1e9, 0), ID: "bench", HybridMBR: make([]byte, 512),
		BIOSImage: "boot/grub/i386-pc/eltorito.img", EFIImage: "boot/efi.img"}
	err = filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		f := iso.File{Path: strings.TrimPrefix(p, dir+"/"), Source: p}
		if f.Path != d.EFIImage {
			d.Files = append(d.Files, f)
		}
		if strings.HasPrefix(f.Path, "EFI/") {
			d.ESP = append(d.ESP, f)
		}
		return nil
	})
	return d, err
}
