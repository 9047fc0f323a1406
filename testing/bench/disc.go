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

// measureDisc writes the files of the image again, with internal/iso (which also reads everything back) and with xorriso.
func measureDisc(ctx context.Context, b bench, f []Figure) error {
	work, err := b.workspace()
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	tree := filepath.Join(work, "tree")
	disc, err := b.extract(tree)
	if err != nil {
		return err
	}
	ours := timed(func() error {
		_, err := iso.Write(ctx, filepath.Join(work, "ours.iso"), disc)
		return err
	})
	theirs := command(ctx, "xorriso", "-as", "mkisofs", "-quiet", "-o", filepath.Join(work, "theirs.iso"), "-R",
		"-b", disc.BIOSImage, "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table",
		"-eltorito-alt-boot", "-e", disc.EFIImage, "-no-emul-boot", tree)
	o, p, err := compare(b.runs, b.runs, ours, theirs)
	if err != nil {
		return err
	}
	f[0].set(o.seconds, p.seconds)
	return nil
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
