package main

import (
	"context"
	"os"
	"path/filepath"
)

// measureBuild makes the edition in a directory of its own: from downloaded packages only, and again with nothing changed.
func measureBuild(ctx context.Context, b bench, f []Figure) error {
	work, err := b.workspace()
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := b.seed(ctx, work); err != nil {
		return err
	}
	build := command(ctx, b.builder, "build", "--edition", b.edition, "--dir", work)
	full, err := build()
	if err != nil {
		return err
	}
	again, err := build()
	if err != nil {
		return err
	}
	size, err := sizeOf(filepath.Join(work, "*.iso"))
	if err != nil {
		return err
	}
	f[0].set(full.seconds, nil)
	f[1].set(again.seconds, full.seconds)
	f[2].set([]float64{size / (1 << 20)}, nil)
	return nil
}

// seed gives the workspace the package cache of the build, and nothing else.
func (b bench) seed(ctx context.Context, work string) error {
	cache := filepath.Join(work, "cache")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return err
	}
	_, err := run(ctx, nil, "cp", "--archive", "--link", filepath.Join(b.dir, "cache", "apt"), filepath.Join(b.dir, "cache", "debs"), cache)
	return err
}

// workspace is below the build directory, on the same file system.
func (b bench) workspace() (string, error) {
	if err := os.RemoveAll(b.work()); err != nil {
		return "", err
	}
	return b.work(), os.MkdirAll(b.work(), 0o755)
}

func sizeOf(pattern string) (float64, error) {
	found, err := filepath.Glob(pattern)
	if err != nil {
		return 0, err
	}
	var sum float64
	for _, name := range found {
		info, err := os.Stat(name)
		if err != nil {
			return 0, err
		}
		sum += float64(info.Size())
	}
	return sum, nil
}
