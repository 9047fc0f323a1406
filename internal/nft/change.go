package nft

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"debvisor/internal/host"
	"debvisor/internal/session"
)

// Options are how a configuration comes into force on a machine that is in use.
type Options struct {
	Confirm      time.Duration // how long somebody has to confirm it, some seconds at least; 0 for at once and for good
	AllowLockout bool          // also when an SSH client that is connected now could not connect again
	Now          time.Time
}

// PlanChange plans a configuration on a machine that is in use: on trial, unless it is the one that the files have already,
// which is then loaded for good if need be. It returns the trial that waits, or will, to be confirmed; nil for none. One
// that waits already leaves nothing to plan. ErrLockout is in the error when somebody who is connected would be shut out.
func PlanChange(ctx context.Context, h *host.Host, c Config, o Options) ([]host.Change, *Trial, error) {
	w, err := wanted(ctx, h, c)
	if err != nil {
		return nil, nil, err
	}
	open, err := session.Open(ctx, h)
	if err != nil {
		return nil, nil, err
	}
	if w.kernel.digest() != w.digest && !o.AllowLockout {
		if err := c.lockout(open); err != nil {
			return nil, nil, err
		}
	}
	if o.Confirm == 0 || w.disk == w.digest {
		changes, err := w.forGood(ctx, h)
		return changes, nil, err
	}
	t := Trial{Digest: w.digest, Files: texts(Files(c)), Sessions: open, ConfirmBy: o.Now.Add(o.Confirm).UTC().Truncate(time.Second)}
	return w.onTrial(ctx, h, t, o)
}

// onTrial plans a trial. Its timer is armed before the rules are in force and before an older one is stopped, so there is no
// moment in which rules that nobody confirmed would stay by themselves.
func (w target) onTrial(ctx context.Context, h *host.Host, t Trial, o Options) ([]host.Change, *Trial, error) {
	if err := canRollBack(ctx, h); err != nil {
		return nil, nil, err
	}
	known, err := readTimers(ctx, h)
	if err != nil {
		return nil, nil, err
	}
	last, err := ReadTrial(h)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	if last.Digest == w.digest && w.kernel.digest() == w.digest && slices.Contains(known.armed, last.Unit) {
		return nil, &last, nil
	}
	t.Unit = fmt.Sprint(rollbackUnit, known.last+1)
	written, err := t.write(h)
	return slices.Concat(w.local,
		[]host.Change{check(w.text), arm(t.Unit, o.Confirm)}, written, known.stop(),
		[]host.Change{w.try(h), record(h, "try", w.digest)}), &t, err
}

// try loads the rules. The files, which would show what changes, are written later.
func (w target) try(h *host.Host) host.Change {
	return host.Call{Why: "load the ruleset on trial", Before: w.before, After: w.base, Do: func(ctx context.Context) error {
		_, err := h.Runner.Run(ctx, host.Cmd{Args: []string{"nft", "-f", "-"}, Stdin: w.text})
		return err
	}}
}
