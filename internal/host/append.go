package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Append adds one line to a log of the machine and syncs it, so that a record of something done is on the disk before the
// program goes on. The line is printed; it holds no secrets.
type Append struct {
	Path string
	Line string // without its end
	Mode fs.FileMode
}

func (a Append) String() string { return fmt.Sprintf("record in %s: %s", a.Path, a.Line) }

func (a Append) apply(_ context.Context, h *Host) error {
	p, err := h.Path(a.Path)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		return h.named(err)
	}
	f, err := os.OpenFile(p, os.O_WRONLY|os.O_CREATE|os.O_APPEND, a.Mode)
	if err != nil {
		return h.named(err)
	}
	if _, err := f.WriteString(a.Line + "\n"); err != nil {
		return errors.Join(h.named(err), f.Close())
	}
	return errors.Join(h.named(f.Sync()), h.named(f.Close()))
}
