package nft

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"debvisor/internal/host"
	"debvisor/internal/names"
)

// rollbackUnit begins the name of the transient units that end a trial. Each trial has a number of its own: a timer that
// exists cannot be set anew, and to stop it first would leave a moment in which nobody would roll back.
const rollbackUnit = "debvisor-firewall-rollback-"

// timers are the rollback units that systemd knows, in whatever state.
type timers struct {
	armed []string // names without .timer
	last  int      // the highest number in use
}

func readTimers(ctx context.Context, h *host.Host) (timers, error) {
	var t timers
	out, err := h.Run(ctx, "systemctl", "list-units", "--all", "--plain", "--no-legend", "--no-pager", rollbackUnit+"*")
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line) // unit, load, active, sub, description
		if len(f) < 3 {
			continue
		}
		name, isTimer := strings.CutSuffix(f[0], ".timer")
		number, err := strconv.Atoi(strings.TrimPrefix(strings.TrimSuffix(name, ".service"), rollbackUnit))
		if err != nil {
			continue // nobody's
		}
		t.last = max(t.last, number)
		if isTimer && f[2] == "active" {
			t.armed = append(t.armed, name)
		}
	}
	return t, err
}

// stop stops every timer that is armed.
func (t timers) stop() []host.Change {
	var changes []host.Change
	for _, name := range t.armed {
		changes = append(changes, host.Exec{Cmd: host.Cmd{Args: []string{"systemctl", "stop", name + ".timer"}}})
	}
	return changes
}

// moment is what a rollback takes: when the time is up the old rules are back.
const moment = time.Second

// arm starts a timer that rolls back. A rollback that is killed is tried again; one that ended in a fallback is done.
func arm(unit string, after time.Duration) host.Change {
	return host.Exec{Cmd: host.Cmd{Args: []string{
		"systemd-run", "--quiet", "--collect", "--unit=" + unit, "--description=Bring the confirmed firewall back",
		fmt.Sprintf("--on-active=%dms", (after - moment).Milliseconds()), "--timer-property=AccuracySec=100ms",
		"--property=Restart=on-failure", "--property=RestartSec=2", "--property=RestartPreventExitStatus=4",
		names.Debvisor, "firewall", "rollback",
	}}}
}

// canRollBack looks for what a rollback will need, before anything depends on it.
func canRollBack(ctx context.Context, h *host.Host) error {
	if !h.Exists("/run/systemd/system") {
		return errors.New("systemd does not run here, so nothing could bring the old rules back: apply them at once, without a time to confirm")
	}
	if _, err := h.Run(ctx, names.Debvisor, "firewall", "status", "--json"); err != nil {
		return fmt.Errorf("the program that would bring the old rules back does not work: update it, or apply at once, without a time to confirm: %w", err)
	}
	return nil
}
