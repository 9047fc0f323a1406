package nft

import (
	"context"
	"errors"
	"fmt"
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

// PlanChange plans a configuration on a machine that is in use: on trial, unless with the operator's files as they are it is
// what was loaded last for good; that is loaded again if need be. It returns the trial that waits, or will, to be confirmed;
// nil for none. One that waits already leaves nothing to plan. ErrLockout is in the error when somebody who is connected
// would be shut out.
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
	known, err := w.settled(h)
	if err != nil {
		return nil, nil, err
	}
	if o.Confirm == 0 || known {
		changes, err := w.forGood(ctx, h)
		return changes, nil, err
	}
	t := Trial{Digest: w.digest, Text: w.text, Files: texts(Files(c)), Sessions: open, ConfirmBy: o.Now.Add(o.Confirm).UTC().Truncate(time.Second)}
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
	if unlessMissing(err) != nil {
		return nil, nil, err
	}
	if last.Digest == w.digest && w.kernel.digest() == w.digest && slices.Contains(known.armed, last.Unit) {
		return nil, &last, nil
	}
	back, ways, err := w.wayBack(ctx, h, last)
	if err != nil {
		return nil, nil, err
	}
	made, err := newTables(ctx, h, w.text)
	if err != nil {
		return nil, nil, err
	}
	t.Unit, t.Tables = fmt.Sprint(rollbackUnit, known.last+1), slices.Concat(last.Tables, made)
	written, err := record(h, TrialPath, t)
	loads := w.load(w.kernel, w.kernel.blocklist(h))
	return slices.Concat(w.local, loads[:1], ways, []host.Change{arm(t.Unit, o.Confirm)}, written, known.stop(),
		[]host.Change{w.try(h, loads[1], back), audit(h, "try", w.digest)}), &t, err
}

// wayBack is what a rollback of the trial will load. Where nothing was loaded for good since the machine was booted, that is
// what is in force now; the changes keep it.
func (w target) wayBack(ctx context.Context, h *host.Host, last Trial) (confirmed, []host.Change, error) {
	back, err := readConfirmed(h)
	if err == nil || unlessMissing(err) != nil {
		return back, nil, err
	}
	if last.Digest != "" {
		return back, nil, errors.New("rules are on trial, and nothing says what was in force before; end that with debvisor firewall load, or confirm")
	}
	if back, err = asFound(ctx, h, w.kernel); err != nil {
		return back, nil, err
	}
	kept, err := back.write(h)
	return back, append([]host.Change{check(back.Text)}, kept...), err
}

// try loads the rules. The files, which would show what changes, are written later.
func (w target) try(h *host.Host, load host.Change, back confirmed) host.Change {
	return host.Call{Why: "load the ruleset on trial", Before: back.Text, After: w.text, Do: func(ctx context.Context) error {
		return h.Apply(ctx, []host.Change{load})
	}}
}
