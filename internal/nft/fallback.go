package nft

import (
	"context"
	"errors"
	"fmt"

	"debvisor/internal/host"
)

// ErrFallback is in Load's error when the machine is closed by less than its whole configuration.
var ErrFallback = errors.New("the firewall is closed, but not as configured")

// Load loads /etc/nftables.conf, as nftables.service and the operator do. When it has a mistake and an earlier ruleset is
// in force, that one stays. At boot, with none in force, the base without the operator's files is loaded, or the one that
// is built in: closed but for SSH. In each of these cases there is an error, and Load must be told loudly.
func Load(ctx context.Context, h *host.Host) error {
	wrong := loadConfigured(ctx, h)
	if wrong == nil {
		return nil
	}
	loaded, err := inKernel(ctx, h)
	if err != nil {
		return errors.Join(wrong, err)
	}
	if loaded != "" {
		return fmt.Errorf("the last good ruleset stays in force: %w", wrong)
	}
	for _, f := range fallbacks() {
		if err := h.Apply(ctx, []host.Change{check(f.text), load(f.text)}); err == nil {
			return fmt.Errorf("%w: %s is in force: %w", ErrFallback, f.name, wrong)
		}
	}
	return fmt.Errorf("load a firewall: not even the built-in one was taken: %w", wrong)
}

func loadConfigured(ctx context.Context, h *host.Host) error {
	digest, err := onDisk(h)
	if err != nil {
		return err
	}
	text := include(MainPath) + mark(digest)
	return h.Apply(ctx, []host.Change{check(text), load(text)})
}

func onDisk(h *host.Host) (string, error) {
	var texts []string
	for _, path := range []string{MainPath, BasePath, FinalPath, LocalPath} {
		data, err := h.ReadFile(path)
		if err != nil {
			return "", err
		}
		texts = append(texts, string(data))
	}
	return digestOf(h, texts...)
}

type fallback struct{ name, text string }

// fallbacks are tried in order. Each is marked, so that the next load knows that something is in force, and with a word
// that no digest is, so that the next plan loads what is configured.
func fallbacks() []fallback {
	return []fallback{
		{"the ruleset without " + LocalPath, include(BasePath) + include(DropInDir+"/*.conf") + include(FinalPath) + mark("fallback")},
		{"the base without " + LocalPath + " and " + DropInDir, include(BasePath) + include(FinalPath) + mark("fallback")},
		{"the built-in base", Base(Config{}) + Final() + mark("fallback")},
	}
}
