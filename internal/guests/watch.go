package guests

import (
	"context"
	"io"
	"time"

	"debvisor/internal/guests/installed"
	"debvisor/internal/host"
)

// How often Watch looks: soon after there was news, as an address takes some seconds to appear, and then ever less.
const (
	firstPause = 500 * time.Millisecond
	lastPause  = 16 * time.Second
	bootPause  = 2 * time.Second        // the longest while a guest that was just started has no address
	notesPause = 100 * time.Millisecond // how often it looks for notes in between, which costs next to nothing
)

// Watch passes until there is no news for some time and nothing is left to do, or until limit is over; what is left then
// is done by the next one. It returns what the last pass came to.
func (r *Reconciler) Watch(ctx context.Context, limit time.Duration) Outcome {
	short, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	started := false // a guest that has just started gets its address yet
	for pause := 2 * lastPause; ; pause *= 2 {
		o := r.Pass(ctx)
		started = started || o.Events > 0
		switch {
		case o.Events > 0 || o.Changed:
			pause = firstPause
		case started && o.Waiting > 0:
			pause = min(pause, bootPause)
		case o.Pending > 0:
			pause = min(pause, lastPause)
		}
		if pause > lastPause || !r.sleep(short, pause) {
			return o
		}
	}
}

// sleep ends early when there is a note; it reports whether there is time left.
func (r *Reconciler) sleep(ctx context.Context, pause time.Duration) bool {
	over := time.After(pause)
	for {
		select {
		case <-ctx.Done():
			return false
		case <-over:
			return true
		case <-time.After(notesPause):
			if entries, err := r.Host.ReadDir(installed.EventsDir); err == nil && len(entries) > 0 {
				return true
			}
		}
	}
}

// Lock keeps others from registering at the same time.
func Lock(ctx context.Context, h *host.Host) (io.Closer, error) { return h.WaitLock(ctx, LockPath) }
