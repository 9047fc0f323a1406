package main

import (
	"context"
	"os"
	"path/filepath"

	"debvisor/internal/host"
)

// payload unpacks the image's squashfs, as an installation does, and copies the same tree, which is the least that any
// installer of files has to do.
func (b bench) payload(ctx context.Context) (Result, error) {
	work, err := b.workspace()
	if err != nil {
		return Result{}, err
	}
	defer os.RemoveAll(work)
	if _, err := b.extract(filepath.Join(work, "tree")); err != nil {
		return Result{}, err
	}
	root, again := filepath.Join(work, "root"), filepath.Join(work, "copy")
	unpack, err := b.fastest(b.into(ctx, root, "unsquashfs", "-quiet", "-no-progress", "-d", root, filepath.Join(work, "tree/live/filesystem.squashfs")))
	if err != nil {
		return Result{}, err
	}
	copied, err := b.fastest(b.into(ctx, again, "cp", "--archive", root, again))
	if err != nil {
		return Result{}, err
	}
	return Result{Name: "unpack", Seconds: map[string]float64{"unsquashfs": unpack, "cp": copied}, Ratio: map[string]float64{"unsquashfs/cp": unpack / copied}}, nil
}

// into runs a command that makes dir, which must not be there yet.
func (b bench) into(ctx context.Context, dir string, args ...string) func() error {
	return func() error {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
		_, err := b.runner.Run(ctx, host.Cmd{Args: args})
		return err
	}
}
