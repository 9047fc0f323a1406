package builder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
)

// payloadFile is the root file system as one file: what the live system runs from, and what gets installed.
type payloadFile struct {
	key, path string
	unpacked  int64 // bytes that its files take on a disk
}

const (
	squashfsVersion = 1
	// squashfsBlock: larger blocks gain a few percent and make the live system read more for each small file.
	squashfsBlock = 256 << 10
)

func (b *Builder) squashfsKey(overlayKey string) string {
	return keyOf(squashfsVersion, overlayKey, b.image.Compression, squashfsBlock)
}

func (b *Builder) squashfs(ctx context.Context, tree overlayTree) (payloadFile, error) {
	key := b.squashfsKey(tree.key)
	dir, err := b.cache.get(b.progress, "squashfs", b.Edition, key, func(dir string) error {
		if err := b.startLog("squashfs"); err != nil {
			return err
		}
		env := []string{"SOURCE_DATE_EPOCH=" + strconv.FormatInt(tree.epoch.Unix(), 10)}
		args := b.mksquashfs(tree.dir, filepath.Join(dir, "filesystem.squashfs"))
		if _, err := b.run(ctx, work{log: "squashfs", env: env, args: args, line: b.squashfsPercent}); err != nil {
			return err
		}
		n, err := treeSize(tree.dir)
		return errors.Join(err, os.WriteFile(filepath.Join(dir, "unpacked"), fmt.Append(nil, n), 0o644))
	})
	if err != nil {
		return payloadFile{}, err
	}
	unpacked, err := readNumber(filepath.Join(dir, "unpacked"))
	return payloadFile{key: key, path: filepath.Join(dir, "filesystem.squashfs"), unpacked: unpacked}, err
}

// treeSize is what a tree takes on a file system with blocks of 4 KiB.
func treeSize(dir string) (int64, error) {
	var n int64
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil {
			n += (info.Size() + 4095) &^ 4095
		}
		return err
	})
	return n, err
}

func readNumber(name string) (int64, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(string(data), 10, 64)
}

// mksquashfs: times are clamped by SOURCE_DATE_EPOCH in the environment, which excludes the options for it.
func (b *Builder) mksquashfs(tree, out string) []string {
	c := b.image.Compression
	return []string{"mksquashfs", tree, out, "-comp", c.Algorithm, "-Xcompression-level", strconv.Itoa(c.Level),
		"-b", strconv.Itoa(squashfsBlock), "-processors", strconv.Itoa(runtime.NumCPU()), "-noappend", "-no-exports"}
}

var percent = regexp.MustCompile(`\s(\d+)%`)

func (b *Builder) squashfsPercent(line string) {
	if m := percent.FindStringSubmatch(line); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil {
			b.progress.update(n, "compressing the root file system")
		}
	}
}
