package blocklist

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"debvisor/internal/host"
)

const lockPath = "/run/debvisor/blocklist.lock"

// Lock keeps other runs out, from before the lists are read until the result is closed or the program ends: the timer, a
// playbook and a quarantine may come at the same moment, and the one that planned first would undo the other. It waits as
// long as the other needs, or ctx lasts.
func Lock(ctx context.Context, h *host.Host) (io.Closer, error) {
	if err := h.Apply(ctx, []host.Change{host.Mkdir{Path: "/run/debvisor", Mode: 0o755}}); err != nil {
		return nil, needsRoot(err)
	}
	for {
		lock, err := h.Lock(lockPath)
		if !errors.Is(err, host.ErrLocked) {
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
