package nft

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"time"

	"debvisor/internal/host"
)

// TrialPath keeps what is on trial. It lies below /run because it must not outlive the kernel that it speaks of: after a
// reboot the files are in force, and nothing waits.
const TrialPath = "/run/debvisor-firewall/trial.json"

// Trial is a ruleset that is in force until somebody confirms it or its time is up. The files below /etc are meanwhile
// those that were confirmed last: nothing else has to be kept to go back.
type Trial struct {
	Digest    string            `json:"digest"`     // of what was loaded
	Files     map[string]string `json:"files"`      // what to write when it is confirmed
	Unit      string            `json:"unit"`       // of the timer that ends it
	ConfirmBy time.Time         `json:"confirm_by"` // when the timer does
	Sessions  []netip.AddrPort  `json:"sessions"`   // SSH connections that are older than it
}

// ReadTrial is what is on trial; fs.ErrNotExist when nothing is.
func ReadTrial(h *host.Host) (Trial, error) {
	var t Trial
	data, err := h.ReadFile(TrialPath)
	if err != nil {
		return t, err
	}
	if err := json.Unmarshal(data, &t); err != nil {
		return t, fmt.Errorf("read %s: %w; end it with: debvisor firewall rollback", TrialPath, err)
	}
	return t, nil
}

// write plans the record. Its content is not for showing: the load shows the difference.
func (t Trial) write(h *host.Host) ([]host.Change, error) {
	data, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return nil, err
	}
	return h.Need(host.Dir{Path: "/run/debvisor-firewall", Mode: 0o700},
		host.File{Path: TrialPath, Content: string(data) + "\n", Mode: 0o600, Secret: true})
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

// PlanConfirm plans what is on trial into the files. Its error is ErrNoTrial, or ErrOldSession when the caller's SSH
// connection is older than the rules.
func PlanConfirm(ctx context.Context, h *host.Host) ([]host.Change, error) {
	t, err := ReadTrial(h)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoTrial
	}
	if err != nil {
		return nil, err
	}
	kernel, err := inForce(ctx, h)
	if err != nil {
		return nil, err
	}
	if kernel.digest() != t.Digest {
		return nil, fmt.Errorf("%w; other rules are in force", ErrNoTrial)
	}
	if err := t.newSession(h); err != nil {
		return nil, err
	}
	files, err := h.Need(t.wants()...)
	if err != nil {
		return nil, err
	}
	ended, err := endTrial(ctx, h)
	return slices.Concat(files, ended, []host.Change{record(h, "confirm", t.Digest)}), err
}

// PlanConfirmed plans that a configuration is confirmed: in force and in the files. Where its trial is over it cannot be.
func PlanConfirmed(ctx context.Context, h *host.Host, c Config) ([]host.Change, error) {
	w, err := wanted(ctx, h, c)
	if err != nil {
		return nil, err
	}
	if w.disk == w.digest && w.kernel.digest() == w.digest {
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
