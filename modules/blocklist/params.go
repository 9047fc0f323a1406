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
	Force   bool   `param:"force,default=false"`
	By      string `param:"by"`
}

// change is the quarantine with the address in it, or without.
func (q quarantine) change(all blocklist.Quarantine, by string, now time.Time) (blocklist.Quarantine, error) {
	if q.State == "present" {
		e, err := blocklist.NewEntry(q.Address, q.Reason, q.Expires, by, now)
		e.Force = q.Force
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

// What the image brings: one reads the lists again, the other ends quarantines that are over.
const (
	listsTimer      = "debvisor-blocklist.timer"
	quarantineTimer = "debvisor-quarantine.timer"
)

// timers plans what a node does by itself.
func (p params) timers(ctx context.Context, h *host.Host, q blocklist.Quarantine) ([]host.Change, error) {
	lists, err := p.refresh(ctx, h)
	if err != nil || !q.Expires() {
		return lists, err
	}
	ending, err := unit.Started(ctx, h, quarantineTimer)
	return append(lists, ending...), err
}

func (p params) refresh(ctx context.Context, h *host.Host) ([]host.Change, error) {
	switch {
	case p.Refresh == nil:
		return nil, nil
	case *p.Refresh == "":
		return unit.Unscheduled(ctx, h, listsTimer)
	}
	changes, err := unit.Scheduled(ctx, h, listsTimer, *p.Refresh)
	if err != nil {
		return nil, fmt.Errorf("refresh: %w", err)
	}
	return changes, nil
}

// absent plans that nothing is blocked and nothing runs by itself.
func (p params) absent(ctx context.Context, h *host.Host, table blocklist.Table) ([]host.Change, error) {
	var changes []host.Change
	for _, timer := range []string{listsTimer, quarantineTimer} {
		off, err := unit.Unscheduled(ctx, h, timer)
		if err != nil {
			return nil, err
		}
		changes = append(changes, off...)
	}
	gone, err := blocklist.Absent(ctx, h, table, p.asker(), began)
	return append(changes, gone...), err
}
