package blocklist

import (
	"context"
	"time"

	"debvisor/internal/host"
)

// Absent plans that nothing is blocked any more, the quarantine included, which is recorded. The operator's own lists stay.
func Absent(ctx context.Context, h *host.Host, table Table, by string, now time.Time) ([]host.Change, error) {
	was, err := readState(h)
	if err != nil {
		return nil, err
	}
	changes, err := audit(was.quarantine, nil, by, now)
	if err != nil {
		return nil, err
	}
	status, err := table.Status(ctx)
	if err != nil {
		return nil, err
	}
	if status.Present {
		changes = append(changes, host.Call{Why: "remove the table inet debvisor_blocklist", Before: lines(was.list()), Do: table.Remove})
	}
	stale, err := staleCopies(h, Settings{})
	if err != nil {
		return nil, err
	}
	gone, err := h.Need(append(stale, host.Absent{Path: ConfPath}, host.Absent{Path: SettingsPath}, host.Absent{Path: QuarantinePath},
		host.Absent{Path: ListPath}, host.Absent{Path: ConfPath + aside},
		host.Absent{Path: ListPath + aside}, host.Absent{Path: evidencePath})...)
	return append(changes, gone...), err
}
