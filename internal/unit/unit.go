// Package unit says what systemd thinks of a unit and which commands would change that. It writes no unit
// files but the times of a timer, and never waits for units that a boot still has ahead of it.
package unit

import (
	"context"
	"fmt"
	"strings"

	"debvisor/internal/host"
)

// State is what systemd says of a unit: loaded or not-found; enabled, disabled, static, …; active, inactive, failed, ….
type State struct{ Load, File, Active string }

// Read asks systemd for the state of a unit.
func Read(ctx context.Context, h *host.Host, name string) (State, error) {
	out, err := h.Run(ctx, "systemctl", "show", "--property=LoadState,UnitFileState,ActiveState", name)
	if err != nil {
		return State{}, err
	}
	var s State
	for line := range strings.Lines(string(out)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch key {
		case "LoadState":
			s.Load = value
		case "UnitFileState":
			s.File = value
		case "ActiveState":
			s.Active = value
		}
	}
	return s, nil
}

// Running reports whether the unit runs or is on its way.
func (s State) Running() bool {
	return s.Active == "active" || s.Active == "activating" || s.Active == "reloading"
}

// Enabled plans that a unit starts at every boot. A unit that does not exist is an error.
func Enabled(ctx context.Context, h *host.Host, name string) ([]host.Change, error) {
	s, err := Read(ctx, h, name)
	if err != nil {
		return nil, err
	}
	if s.Load == "not-found" {
		return nil, fmt.Errorf("enable %s: there is no such unit", name)
	}
	if s.File == "enabled" || s.File == "static" || s.File == "alias" {
		return nil, nil
	}
	return []host.Change{systemctl("enable", name)}, nil
}

// Started plans that a unit starts at every boot and runs now. It waits for the start: not for units that are ordered
// after the caller's own unit.
func Started(ctx context.Context, h *host.Host, name string) ([]host.Change, error) {
	changes, err := Enabled(ctx, h, name)
	if err != nil {
		return nil, err
	}
	s, err := Read(ctx, h, name)
	if err != nil || s.Running() {
		return changes, err
	}
	return append(changes, systemctl("start", name)), nil
}

// Disabled plans that a unit does not start at boot; what runs goes on. A unit that does not exist is not started either.
func Disabled(ctx context.Context, h *host.Host, name string) ([]host.Change, error) {
	s, err := Read(ctx, h, name)
	if err != nil || s.File != "enabled" {
		return nil, err
	}
	return []host.Change{systemctl("disable", name)}, nil
}

// Refresh makes a unit that runs take up its new configuration; one that does not run yet reads it when it starts. It
// does not wait: the unit may be ordered after the caller's.
func Refresh(name string) host.Change {
	return systemctl("--no-block", "try-reload-or-restart", name)
}

func systemctl(args ...string) host.Change {
	return host.Exec{Cmd: host.Cmd{Args: append([]string{"systemctl"}, args...)}}
}
