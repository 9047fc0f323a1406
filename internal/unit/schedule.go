package unit

import (
	"context"
	"fmt"
	"strings"

	"debvisor/internal/host"
)

// scheduleFile is a drop-in of a timer.
func scheduleFile(timer string) string { return "/etc/systemd/system/" + timer + ".d/schedule.conf" }

// Scheduled plans that a timer, which has a unit file, runs at the times of calendar, as systemd writes them (hourly, *:0/10),
// from now on and after every boot.
func Scheduled(ctx context.Context, h *host.Host, timer, calendar string) ([]host.Change, error) {
	if _, err := h.Run(ctx, "systemd-analyze", "calendar", calendar); err != nil {
		return nil, fmt.Errorf("%q is no time that systemd knows, such as hourly or *:0/10: %w", calendar, err)
	}
	changes, err := h.Need(host.File{Path: scheduleFile(timer), Content: "[Timer]\nOnCalendar=\nOnCalendar=" + calendar + "\n", Mode: 0o644})
	if err != nil {
		return nil, err
	}
	start, err := Started(ctx, h, timer)
	if err != nil {
		return nil, err
	}
	reload, err := reloaded(ctx, h, timer, len(changes) > 0)
	return append(append(changes, reload...), start...), err
}

// reloaded plans that systemd reads a unit again: because it changes now, or because an earlier run ended in between.
func reloaded(ctx context.Context, h *host.Host, name string, changed bool) ([]host.Change, error) {
	out, err := h.Run(ctx, "systemctl", "show", "--property=NeedDaemonReload", "--value", name)
	if err != nil || !changed && strings.TrimSpace(string(out)) != "yes" {
		return nil, err
	}
	return []host.Change{systemctl("daemon-reload")}, nil
}

// Unscheduled plans that a timer does not run, now or after a boot, and that its unit file's own times are what it has. A
// timer that does not exist does not run.
func Unscheduled(ctx context.Context, h *host.Host, timer string) ([]host.Change, error) {
	changes, err := h.Need(host.Absent{Path: scheduleFile(timer)})
	if err != nil {
		return nil, err
	}
	s, err := Read(ctx, h, timer)
	if err != nil || s.Load == "not-found" {
		return changes, err
	}
	reload, err := reloaded(ctx, h, timer, len(changes) > 0)
	changes = append(changes, reload...)
	if s.File == "enabled" || s.Running() {
		changes = append(changes, systemctl("disable", "--now", timer))
	}
	return changes, err
}
