package host

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
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
