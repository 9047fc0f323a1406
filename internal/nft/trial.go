package nft

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"time"

	"debvisor/internal/host"
)

// TrialPath keeps what is on trial.
const TrialPath = runDir + "/trial.json"

// Trial is a ruleset that is in force until somebody confirms it or its time is up.
type Trial struct {
	Digest    string            `json:"digest"`     // of what was loaded
	Text      string            `json:"text"`       // that was loaded
	Tables    []string          `json:"tables"`     // beside DebVisor's that it brought, as "inet x"
	Files     map[string]string `json:"files"`      // what to write when it is confirmed
	Unit      string            `json:"unit"`       // of the timer that ends it
	ConfirmBy time.Time         `json:"confirm_by"` // when the timer does
	Sessions  []netip.AddrPort  `json:"sessions"`   // SSH connections that are older than it
}

// ReadTrial is what is on trial; fs.ErrNotExist when nothing is.
func ReadTrial(h *host.Host) (Trial, error) {
	var t Trial
	return t, readRecord(h, TrialPath, &t)
}

// wants are the files that a confirmation makes.
func (t Trial) wants() []host.Want {
	var all []host.Want
	for _, w := range Files(Config{}) {
		if f, ok := w.(host.File); ok {
			f.Content = t.Files[f.Path]
			w = f
		}
		all = append(all, w)
	}
	return all
}

func texts(wants []host.Want) map[string]string {
	all := map[string]string{}
	for _, w := range wants {
		if f, ok := w.(host.File); ok {
			all[f.Path] = f.Content
		}
	}
	return all
}

// ErrNoTrial: there is nothing to confirm.
var ErrNoTrial = errors.New("no rules wait to be confirmed: they never were loaded, or their time was up, or the firewall was loaded since")

// PlanConfirm plans that what is on trial is what a rollback goes back to, and then that it is in the files. Its error is
// ErrNoTrial, or ErrOldSession when the caller's SSH connection is older than the rules.
func PlanConfirm(ctx context.Context, h *host.Host) ([]host.Change, error) {
	t, err := ReadTrial(h)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoTrial
	}
	if err != nil {
		return nil, err
	}
	if err := t.inForce(ctx, h); err != nil {
		return nil, err
	}
	if err := t.newSession(h); err != nil {
		return nil, err
	}
	kept, err := confirmed{t.Digest, t.Text}.write(h)
	if err != nil {
		return nil, err
	}
	files, err := h.Need(t.wants()...)
	if err != nil {
		return nil, err
	}
	ended, err := endTrial(ctx, h)
	still := host.Call{Why: "see that the rules are still in force", Do: func(ctx context.Context) error { return t.inForce(ctx, h) }}
	return slices.Concat(kept, files, ended, []host.Change{audit(h, "confirm", t.Digest), still}), err
}

// inForce is ErrNoTrial when the kernel has other rules.
func (t Trial) inForce(ctx context.Context, h *host.Host) error {
	kernel, err := inForce(ctx, h)
	if err == nil && kernel.digest() != t.Digest {
		return fmt.Errorf("%w; other rules are in force", ErrNoTrial)
	}
	return err
}

// PlanConfirmed plans that a configuration is confirmed: in force and in the files. Where its trial is over it cannot be.
func PlanConfirmed(ctx context.Context, h *host.Host, c Config) ([]host.Change, error) {
	w, err := wanted(ctx, h, c)
	if err != nil {
		return nil, err
	}
	known, err := w.settled(h)
	if err != nil {
		return nil, err
	}
	if known && w.kernel.digest() == w.digest {
		return w.forGood(ctx, h)
	}
	t, err := ReadTrial(h)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, ErrNoTrial
	case err != nil:
		return nil, err
	case t.Digest != w.digest:
		return nil, fmt.Errorf("%w; other rules are on trial", ErrNoTrial)
	}
	return PlanConfirm(ctx, h)
}

// settled reports whether the configuration needs no trial: it was loaded last for good, or it is in force and not on trial.
func (w target) settled(h *host.Host) (bool, error) {
	last, err := readConfirmed(h)
	if err = unlessMissing(err); err != nil || last.Digest == w.digest {
		return err == nil, err
	}
	t, err := ReadTrial(h)
	return w.kernel.digest() == w.digest && t.Digest != w.digest, unlessMissing(err)
}

// endTrial plans that no rules are on trial, whatever is in force.
func endTrial(ctx context.Context, h *host.Host) ([]host.Change, error) {
	gone, err := h.Need(host.Absent{Path: TrialPath})
	if err != nil || len(gone) == 0 {
		return nil, err
	}
	known, err := readTimers(ctx, h)
	return append(known.stop(), gone...), err
}

// endAll ends a trial: what was on trial is no longer in force.
func endAll(ctx context.Context, h *host.Host) error {
	changes, err := endTrial(ctx, h)
	return errors.Join(err, h.Apply(ctx, changes))
}
