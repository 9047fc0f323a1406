package main

import (
	"context"
	"os"
	"path/filepath"
)

// measurePayload unpacks the image's squashfs, as an installation does, and copies the same tree, which is the least that
// any installer of files has to do.
func measurePayload(ctx context.Context, b bench, f []Figure) error {
	work, err := b.workspace()
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if _, err := b.extract(filepath.Join(work, "tree")); err != nil {
		return err
	}
	root, again := filepath.Join(work, "root"), filepath.Join(work, "copy")
	unpack := into(root, command(ctx, "unsquashfs", "-quiet", "-no-progress", "-d", root, filepath.Join(work, "tree/live/filesystem.squashfs")))
	o, p, err := compare(b.runs, b.runs, unpack, into(again, command(ctx, "cp", "--archive", root, again)))
	if err != nil {
		return err
	}
	f[0].set(o.seconds, p.seconds)
	return nil
}

// into is a task that makes dir, which must not be there yet.
func into(dir string, make task) task {
	return func() (used, error) {
		if err := os.RemoveAll(dir); err != nil {
			return used{}, err
		}
		return make()
	}
}
