package nft

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"debvisor/internal/host"
)

// ErrFallback is in an error when the machine is closed by less than its whole configuration.
var ErrFallback = errors.New("the firewall is closed, but not as configured")

// Load loads /etc/nftables.conf for good, as nftables.service and the operator do; rules on trial end with it. When it has a
// mistake and an earlier ruleset is in force, that one stays. At boot, with none in force, the base without the operator's
// files is loaded, or the one that is built in: closed but for SSH. In each of these cases there is an error, and Load must be
// told loudly.
func Load(ctx context.Context, h *host.Host) error {
	kernel, err := inForce(ctx, h)
	files, wrong := onDisk(h)
	if wrong == nil {
		wrong = h.Apply(ctx, files.load(kernel, kernel.blocklist(h)))
	}
	switch {
	case wrong == nil:
		return errors.Join(files.kept(ctx, h), endAll(ctx, h))
	case err != nil:
		return errors.Join(wrong, err)
	case kernel.digest() != "":
		return fmt.Errorf("the last good ruleset stays in force: %w", wrong)
	}
	return fallBack(ctx, h, kernel, wrong)
}

// Rollback ends a trial: it loads what was loaded last for good, whatever the files say by now. Rules on trial never stay: when
// that is not known, or not taken, the base of the files is loaded, as at boot, and ErrFallback is in the error. It reports
// whether there was anything to take back.
func Rollback(ctx context.Context, h *host.Host) (bool, error) {
	kernel, err := inForce(ctx, h)
	last, lastErr := readConfirmed(h)
	t, trialErr := ReadTrial(h)
	waits := !errors.Is(trialErr, fs.ErrNotExist)
	if err == nil && lastErr == nil && kernel.digest() == last.Digest {
		return waits, endAll(ctx, h)
	}
	if errors.Is(lastErr, fs.ErrNotExist) && !waits {
		return false, err
	}
	if err = errors.Join(err, lastErr); err == nil {
		err = last.restore(ctx, h, kernel, t.Tables)
	}
	if err != nil {
		if err = fallBack(ctx, h, kernel, err); !errors.Is(err, ErrFallback) {
			return false, err // the trial is not over: whoever calls must try again
		}
	}
	ended := h.Apply(ctx, []host.Change{audit(h, "roll back", last.Digest)})
	return true, errors.Join(err, endAll(ctx, h), ended)
}

// kept keeps a source that was just loaded.
func (s source) kept(ctx context.Context, h *host.Host) error {
	changes, err := s.keep(h)
	return errors.Join(err, h.Apply(ctx, changes))
}

// fallBack loads the first fallback that nft takes, because of what was wrong.
func fallBack(ctx context.Context, h *host.Host, kernel ruleset, wrong error) error {
	others, err := includeOthers(h)
	for _, f := range fallbacks(others, kernel.blocklist(h)) {
		text, unread := inlined(h, f.text, 0)
		s := source{f.text, text + mark(fallbackMark), fallbackMark}
		if errors.Join(err, unread) == nil && h.Apply(ctx, s.load(kernel, f.blocklist)) == nil {
			return errors.Join(fmt.Errorf("%w: %s is in force: %w", ErrFallback, f.name, wrong), s.kept(ctx, h))
		}
		err = nil // the next ones do not need the drop-ins
	}
	return fmt.Errorf("load a firewall: not even the built-in one was taken: %w", wrong)
}

// fallbackMark is no digest, so that the next plan loads what is configured, but a mark, so that the next load knows that
// something is in force.
const fallbackMark = "fallback"

type fallback struct{ name, text, blocklist string }

// fallbacks are tried in order.
func fallbacks(dropIns, blocklist string) []fallback {
	return []fallback{
		{"the ruleset without " + LocalPath, include(BasePath) + dropIns + include(FinalPath), blocklist},
		{"the base without " + LocalPath + " and " + DropInDir, include(BasePath) + include(FinalPath), ""},
		{"the built-in base", Base(Config{}) + Final(), ""},
	}
}
