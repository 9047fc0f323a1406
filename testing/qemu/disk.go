package qemu

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"debvisor/internal/host"
)

// NewDisk makes an empty disk of size bytes that takes room only as it is written to.
func NewDisk(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("make disk: %w", err)
	}
	return errors.Join(f.Truncate(size), f.Close())
}

// Sum is the SHA-256 of everything that is not zero on a disk, with where it lies: equal sums mean equal bytes, and a
// disk of 30 GB that holds nothing takes no time.
func Sum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read disk: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if err := eachExtent(f, func(offset int64, data []byte) {
		fmt.Fprintf(h, "%d+%d:", offset, len(data))
		h.Write(data)
	}); err != nil {
		return "", fmt.Errorf("read disk %s: %w", path, err)
	}
	return fmt.Sprintf("%x", h.Sum(nil)), nil
}

const block = 64 << 10

// eachExtent calls f with each aligned block that holds something other than zeros.
func eachExtent(file *os.File, f func(offset int64, data []byte)) error {
	buf := make([]byte, block)
	for at := int64(0); ; at += block {
		data, err := file.Seek(at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) { // only a hole is left
			return nil
		}
		if err != nil {
			return err
		}
		at = max(at, data/block*block)
		n, err := file.ReadAt(buf, at)
		if n > 0 && !zero(buf[:n]) {
			f(at, buf[:n])
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func zero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// NewMedium makes a FAT image with the given label and text files (name to content), as an operator's USB stick.
func NewMedium(ctx context.Context, path, label string, files map[string]string) error {
	if err := NewDisk(path, 16<<20); err != nil {
		return err
	}
	h := host.New()
	if _, err := h.Run(ctx, "mkfs.vfat", "-n", label, path); err != nil {
		return fmt.Errorf("make medium %s: %w", label, err)
	}
	for name, content := range files {
		cmd := host.Cmd{Args: []string{"mcopy", "-i", path, "-", "::" + name}, Stdin: content}
		if _, err := h.Runner.Run(ctx, cmd); err != nil {
			return fmt.Errorf("write %s to medium %s: %w", name, label, err)
		}
	}
	return nil
}
