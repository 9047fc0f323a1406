package nft

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"debvisor/internal/host"
)

// ErrFallback is in an error when the machine is closed by less than its whole configuration.
var ErrFallback = errors.New("the firewall is closed, but not as configured")

// Load loads /etc/nftables.conf, as nftables.service and the operator do; rules on trial end with it. When it has a mistake
// and an earlier ruleset is in force, that one stays. At boot, with none in force, the base without the operator's files is
// loaded, or the one that is built in: closed but for SSH. In each of these cases there is an error, and Load must be told
// loudly.
func Load(ctx context.Context, h *host.Host) error {
	kernel, err := inForce(ctx, h)
	wrong := loadConfigured(ctx, h, kernel, include(MainPath))
	switch {
	case wrong == nil:
		return endAll(ctx, h)
	case err != nil:
		return errors.Join(wrong, err)
	case kernel.digest() != "":
		return fmt.Errorf("the last good ruleset stays in force: %w", wrong)
	}
	return fallBack(ctx, h, wrong)
}

// Rollback ends a trial: it loads the files, which hold the rules that were confirmed last. Those on trial never stay: when
// the files have a mistake, less than they say is loaded, as at boot, and ErrFallback is in the error. It reports whether
// there was anything to take back.
func Rollback(ctx context.Context, h *host.Host) (bool, error) {
	kernel, err := inForce(ctx, h)
	disk, diskErr := onDisk(h)
	if err = errors.Join(err, diskErr); err == nil && kernel.digest() == disk {
		return h.Exists(TrialPath), endAll(ctx, h)
	}
	if err == nil {
		err = loadAgain(ctx, h, kernel)
	}
	if err != nil {
		if err = fallBack(ctx, h, err); !errors.Is(err, ErrFallback) {
			return false, err // the trial is not over: whoever calls must try again
		}
	}
	return true, errors.Join(err, endAll(ctx, h), h.Apply(ctx, []host.Change{record(h, "roll back", disk)}))
}

// loadAgain loads what the files say into a kernel that already has a ruleset.
func loadAgain(ctx context.Context, h *host.Host, kernel ruleset) error {
	main, err := h.ReadFile(MainPath)
	if err != nil {
		return err
	}
	dropIns, err := kernel.dropIns(h)
	if err != nil {
		return err
	}
	return loadConfigured(ctx, h, kernel, strings.Replace(string(main), includeDropIns, dropIns, 1))
}

func loadConfigured(ctx context.Context, h *host.Host, kernel ruleset, main string) error {
	digest, err := onDisk(h)
	if err != nil {
		return err
	}
	base, err := h.ReadFile(BasePath)
	if err != nil {
		return err
	}
	text := main + kernel.stale(string(base)) + mark(digest)
	return h.Apply(ctx, []host.Change{check(text), load(text)})
}

// fallBack loads the first fallback that nft takes, because of what was wrong.
func fallBack(ctx context.Context, h *host.Host, wrong error) error {
	for _, f := range fallbacks() {
		if err := h.Apply(ctx, []host.Change{check(f.text), load(f.text)}); err == nil {
			return fmt.Errorf("%w: %s is in force: %w", ErrFallback, f.name, wrong)
		}
	}
	return fmt.Errorf("load a firewall: not even the built-in one was taken: %w", wrong)
}

type fallback struct{ name, text string }

// fallbacks are tried in order. Each is marked, so that the next load knows that something is in force, and with a word
// that no digest is, so that the next plan loads what is configured.
func fallbacks() []fallback {
	return []fallback{
		{"the ruleset without " + LocalPath, include(BasePath) + includeDropIns + include(FinalPath) + mark("fallback")},
		{"the base without " + LocalPath + " and " + DropInDir, include(BasePath) + include(FinalPath) + mark("fallback")},
		{"the built-in base", Base(Config{}) + Final() + mark("fallback")},
	}
}
