package blocklist

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"debvisor/internal/host"
)

// Absent plans that nothing is blocked any more, the quarantine included, which is recorded. The operator's own lists stay.
func Absent(ctx context.Context, h *host.Host, table Table, by string, now time.Time) ([]host.Change, error) {
	quarantined, err := ReadQuarantine(h)
	if err != nil {
		return nil, err
	}
	changes, err := audit(quarantined, nil, by, now)
	if err != nil {
		return nil, err
	}
	status, err := table.Status(ctx)
	if err != nil {
		return nil, err
	}
	if status.Present {
		old, _, err := Loaded(h)
		if err != nil {
			return nil, err
		}
		changes = append(changes, host.Call{Why: "remove the table inet debvisor_blocklist", Before: lines(old), Do: table.Remove})
	}
	stale, err := staleCopies(h, Settings{})
	if err != nil {
		return nil, err
	}
	gone, err := h.Need(append(stale, host.Absent{Path: ConfPath}, host.Absent{Path: SettingsPath}, host.Absent{Path: QuarantinePath},
		host.Absent{Path: ListPath}, host.Absent{Path: evidencePath})...)
	return append(changes, gone...), err
}

// ParseNetwork reads an address or a network, as people write them in settings.
func ParseNetwork(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return single(a)[0], nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, fmt.Errorf("%q is neither an address nor a network such as 10.0.0.0/8", s)
	}
	return p.Masked(), nil
}
