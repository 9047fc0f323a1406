package nft

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"time"

	"debvisor/internal/host"
)

// What can be in force.
const (
	InForceFiles    = "files"    // what the files say: confirmed
	InForceTrial    = "trial"    // rules that wait to be confirmed
	InForceFallback = "fallback" // less than the files say, because they have a mistake
	InForceOther    = "other"    // rules from before the files were edited, or from somebody else
	InForceNothing  = "nothing"
)

// Status is what is in force and what waits.
type Status struct {
	InForce     string    `json:"in_force"`
	Pending     bool      `json:"pending"` // rules on trial are in force
	ConfirmBy   time.Time `json:"confirm_by,omitzero"`
	SecondsLeft int       `json:"seconds_left"`
	Armed       bool      `json:"armed"` // a timer will end the trial
}

// ReadStatus looks at the kernel, the files and the trial.
func ReadStatus(ctx context.Context, h *host.Host, now time.Time) (Status, error) {
	kernel, err := inForce(ctx, h)
	if err != nil {
		return Status{}, err
	}
	disk, err := onDisk(h)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Status{}, err
	}
	t, err := ReadTrial(h)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Status{}, err
	}
	s := Status{InForce: named(kernel.digest(), disk, t.Digest)}
	s.Pending = s.InForce == InForceTrial
	if !s.Pending {
		return s, nil
	}
	known, err := readTimers(ctx, h)
	s.ConfirmBy, s.SecondsLeft = t.ConfirmBy, max(0, int(t.ConfirmBy.Sub(now).Seconds()))
	s.Armed = slices.Contains(known.armed, t.Unit)
	return s, err
}

func named(kernel, disk, trial string) string {
	switch kernel {
	case "":
		return InForceNothing
	case disk:
		return InForceFiles
	case trial:
		return InForceTrial
	case "fallback":
		return InForceFallback
	}
	return InForceOther
}
