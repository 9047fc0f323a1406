package blocklist

import (
	"context"
	"fmt"
	"strings"

	"debvisor/internal/blocklist"
	"debvisor/internal/host"
	"debvisor/internal/unit"
)

const (
	timer        = "debvisor-blocklist.timer" // on the image; it runs `debvisor blocklist apply`
	scheduleFile = "/etc/systemd/system/" + timer + ".d/schedule.conf"
)

// refresh plans the timer that reads the sources again. A quarantine that ends by itself needs it too, and then it keeps to
// the times of its own.
func (p params) refresh(ctx context.Context, h *host.Host, q blocklist.Quarantine) ([]host.Change, error) {
	switch {
	case p.Refresh != nil && *p.Refresh != "":
		return scheduled(ctx, h, *p.Refresh)
	case q.Expires():
		return unit.Started(ctx, h, timer)
	case p.Refresh == nil:
		return nil, nil
	}
	return unscheduled(ctx, h)
}

func scheduled(ctx context.Context, h *host.Host, calendar string) ([]host.Change, error) {
	if _, err := h.Run(ctx, "systemd-analyze", "calendar", calendar); err != nil {
		return nil, fmt.Errorf("refresh: %q is no time that systemd knows, such as hourly or *:0/10: %w", calendar, err)
	}
	changes, err := h.Need(host.File{Path: scheduleFile, Content: "[Timer]\nOnCalendar=\nOnCalendar=" + calendar + "\n", Mode: 0o644})
	if err != nil {
		return nil, err
	}
	start, err := unit.Started(ctx, h, timer)
	if err != nil {
		return nil, err
	}
	reload, err := reloaded(ctx, h, len(changes) > 0)
	return append(append(changes, reload...), start...), err
}

// reloaded plans that systemd reads the timer again: because it changes now, or because an earlier run ended in between.
func reloaded(ctx context.Context, h *host.Host, changed bool) ([]host.Change, error) {
	out, err := h.Run(ctx, "systemctl", "show", "--property=NeedDaemonReload", "--value", timer)
	if err != nil || !changed && strings.TrimSpace(string(out)) != "yes" {
		return nil, err
	}
	return []host.Change{host.Exec{Cmd: host.Cmd{Args: []string{"systemctl", "daemon-reload"}}}}, nil
}

func unscheduled(ctx context.Context, h *host.Host) ([]host.Change, error) {
	changes, err := h.Need(host.Absent{Path: scheduleFile})
	if err != nil {
		return nil, err
	}
	s, err := unit.Read(ctx, h, timer)
	if err != nil || s.Load == "not-found" {
		return changes, err
	}
	reload, err := reloaded(ctx, h, len(changes) > 0)
	changes = append(changes, reload...)
	if s.File == "enabled" || s.Running() {
		changes = append(changes, host.Exec{Cmd: host.Cmd{Args: []string{"systemctl", "disable", "--now", timer}}})
	}
	return changes, err
}
