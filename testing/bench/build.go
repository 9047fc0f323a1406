package main

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"debvisor/internal/host"
)

// build makes the edition in a directory of its own: from downloaded packages only, and again with nothing changed.
func (b bench) build(ctx context.Context) (Result, error) {
	work, err := b.workspace()
	if err != nil {
		return Result{}, err
	}
	defer os.RemoveAll(work)
	if err := b.seed(ctx, work); err != nil {
		return Result{}, err
	}
	r := Result{Name: "build", Seconds: map[string]float64{}}
	for _, name := range []string{"full", "nothing changed"} {
		start := time.Now()
		if err := b.command(ctx, b.builder, "build", "--edition", b.edition, "--dir", work)(); err != nil {
			return Result{}, err
		}
		r.Seconds[name] = time.Since(start).Seconds()
	}
	r.Bytes, err = sizes(filepath.Join(work, "*.iso"))
	return r, err
}

// seed gives the workspace the package cache of the build, and nothing else.
func (b bench) seed(ctx context.Context, work string) error {
	cache := filepath.Join(work, "cache")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return err
	}
	_, err := b.runner.Run(ctx, host.Cmd{Args: []string{"cp", "--archive", "--link",
		filepath.Join(b.dir, "cache", "apt"), filepath.Join(b.dir, "cache", "debs"), cache}})
	return err
}

// workspace is below the build directory, on the same file system.
func (b bench) workspace() (string, error) {
	dir := filepath.Join(b.dir, "bench", "work")
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	return dir, os.MkdirAll(dir, 0o755)
}

func sizes(pattern string) (map[string]int64, error) {
	found, err := filepath.Glob(pattern)
	if err != nil {
		return nil, err
	}
	all := map[string]int64{}
	for _, name := range found {
		info, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		all[filepath.Base(name)] = info.Size()
	}
	return all, nil
}
