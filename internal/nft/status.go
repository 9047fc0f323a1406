package nft

import (
	"context"
	"errors"
	"slices"
	"time"

	"debvisor/internal/host"
)

// What can be in force.
const (
	InForceFiles     = "files"     // what the files say, for good
	InForceTrial     = "trial"     // rules that wait to be confirmed
	InForceConfirmed = "confirmed" // what was loaded last for good; the files were edited since
	InForceFallback  = "fallback"  // less than the files say, because they have a mistake
	InForceOther     = "other"     // somebody else's rules
	InForceNothing   = "nothing"
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
	files, err := onDisk(h)
	if unlessMissing(err) != nil {
		return Status{}, err
	}
	last, lastErr := readConfirmed(h)
	t, err := ReadTrial(h)
	if err = errors.Join(unlessMissing(lastErr), unlessMissing(err)); err != nil {
		return Status{}, err
	}
	s := Status{InForce: named(kernel.digest(), files.digest, last.Digest, t.Digest)}
	s.Pending = s.InForce == InForceTrial
	if !s.Pending {
		return s, nil
	}
	known, err := readTimers(ctx, h)
	s.ConfirmBy, s.SecondsLeft = t.ConfirmBy, max(0, int(t.ConfirmBy.Sub(now).Seconds()))
	s.Armed = slices.Contains(known.armed, t.Unit)
	return s, err
}

// named is what a mark in the kernel stands for. That of a trial can be that of the files too: the operator edited his own.
func named(kernel, files, last, trial string) string {
	switch {
	case kernel == "":
		return InForceNothing
	case kernel == fallbackMark:
		return InForceFallback
	case kernel == trial && kernel != last:
		return InForceTrial
	case kernel == files:
		return InForceFiles
	case kernel == last:
		return InForceConfirmed
	}
	return InForceOther
}
