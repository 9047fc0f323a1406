package blocklist

import (
	"context"
	"io"

	"debvisor/internal/host"
)

const lockPath = "/run/debvisor/blocklist.lock"

// Lock keeps other runs out, from before the lists are read until the result is closed or the program ends: the timer, a
// playbook and a quarantine may come at the same moment, and the one that planned first would undo the other. It waits as
// long as the other needs, or ctx lasts.
func Lock(ctx context.Context, h *host.Host) (io.Closer, error) { return h.WaitLock(ctx, lockPath) }
