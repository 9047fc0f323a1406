package iso

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// stage lays the files out in dir, where the library takes them from. Modes, owners and times don't matter there: stamp
// sets them in the image.
func (d Disc) stage(ctx context.Context, dir string) error {
	esp := filepath.Join(dir, filepath.FromSlash(stagedName(d.EFIImage)))
	if err := os.MkdirAll(filepath.Dir(esp), 0o755); err != nil {
		return err
	}
	if err := writeESP(esp, d); err != nil {
		return fmt.Errorf("make EFI system partition: %w", err)
	}
	for _, f := range d.Files {
		if err := errors.Join(ctx.Err(), f.stage(filepath.Join(dir, filepath.FromSlash(stagedName(f.Path))))); err != nil {
			return fmt.Errorf("stage %s: %w", f.Path, err)
		}
	}
	return nil
}

// stagedName has no name that begins with a dot: the library makes ".disk" a directory without a plain name, which its
// own reader, for one, does not survive. stamp puts the dots back.
func stagedName(name string) string {
	return strings.ReplaceAll("/"+name, "/.", "/_")[1:]
}

// dotted are the staged paths whose last name begins with a dot on the disc.
func (d Disc) dotted() map[string]bool {
	found := map[string]bool{}
	for _, f := range append([]File{{Path: d.EFIImage}}, d.Files...) {
		for _, name := range append(parents(f.Path), f.Path) {
			if strings.HasPrefix(path.Base(name), ".") {
				found[stagedName(name)] = true
			}
		}
	}
	return found
}

// stage links where it can: a root file system of hundreds of megabytes need not be copied twice.
func (f File) stage(to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if f.Source == "" {
		return os.WriteFile(to, f.Data, 0o600)
	}
	source, err := filepath.EvalSymlinks(f.Source) // a hard link to a link would be a link
	if err != nil {
		return err
	}
	if os.Link(source, to) == nil {
		return nil
	}
	return copyFile(source, to) // another file system, or one without links, or a file of somebody else
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
