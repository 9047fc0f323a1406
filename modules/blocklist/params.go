package blocklist

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"time"

	"debvisor/internal/blocklist"
	"debvisor/internal/host"
	"debvisor/internal/unit"
)

// quarantine is one address to be cut off, or to be let in again.
type quarantine struct {
	Address string `param:"address,required"`
	State   string `param:"state,default=present,choices=present|absent"`
	Reason  string `param:"reason,required_if=state:present"`
	Expires string `param:"expires"`
	By      string `param:"by"`
}

// change is the quarantine with the address in it, or without.
func (q quarantine) change(all blocklist.Quarantine, by string, now time.Time) (blocklist.Quarantine, error) {
	if q.State == "present" {
		e, err := blocklist.NewEntry(q.Address, q.Reason, q.Expires, by, now)
		return all.Add(e), err
	}
	a, err := blocklist.ParseAddress(q.Address)
	return all.Release(a), err
}

// asker is who the task works for: who it names, or the person who became root, as far as sudo says.
func (p params) asker() string {
	if p.Quarantine != nil && p.Quarantine.By != "" {
		return p.Quarantine.By
	}
	if name := os.Getenv("SUDO_USER"); name != "" {
		return name
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}

const timer = "debvisor-blocklist.timer" // on the image; it runs `debvisor blocklist apply`

// refresh plans the timer that reads the sources again. A quarantine that ends by itself needs it too, and then it keeps to
// the times of its own.
func (p params) refresh(ctx context.Context, h *host.Host, q blocklist.Quarantine) ([]host.Change, error) {
	switch {
	case p.Refresh != nil && *p.Refresh != "":
		changes, err := unit.Scheduled(ctx, h, timer, *p.Refresh)
		if err != nil {
			return nil, fmt.Errorf("refresh: %w", err)
		}
		return changes, nil
	case q.Expires():
		return unit.Started(ctx, h, timer)
	case p.Refresh == nil:
		return nil, nil
	}
	return unit.Unscheduled(ctx, h, timer)
}
