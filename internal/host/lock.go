package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"
	"time"
)

// ErrLocked: somebody else holds the lock.
var ErrLocked = errors.New("another run holds the lock")

// Lock keeps every other program that locks the same file of the machine out until the result is closed; the kernel drops
// it with the process, in whatever way that ends. It does not wait: a lock that is held is ErrLocked.
func (h *Host) Lock(name string) (io.Closer, error) {
	p, err := h.Path(name)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(p, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, h.named(err)
	}
	switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return nil, errors.Join(fmt.Errorf("lock %s: %w", name, ErrLocked), f.Close())
	case err != nil:
		return nil, errors.Join(fmt.Errorf("lock %s: %w", name, err), f.Close())
	}
	return f, nil
}

// WaitLock is Lock for who waits as long as the other needs; when ctx ends first, ErrLocked is in the error. It makes the
// folder of the file. A caller who may not is told to be root.
func (h *Host) WaitLock(ctx context.Context, name string) (io.Closer, error) {
	if err := h.Apply(ctx, []Change{Mkdir{Path: path.Dir(name), Mode: 0o755}}); err != nil {
		return nil, needsRoot(err)
	}
	for {
		lock, err := h.Lock(name)
		if !errors.Is(err, ErrLocked) {
			return lock, needsRoot(err)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", err, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func needsRoot(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: this needs root", err)
	}
	return err
}
