package nft

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"

	"debvisor/internal/host"
)

// DropIn is a drop-in for Debian's nftables.service, whose stop would empty the whole ruleset and whose start leaves a
// machine open when a file has a mistake.
const DropIn = `[Service]
ExecStart=
ExecStart=/usr/local/bin/debvisor firewall load
ExecReload=
ExecReload=/usr/local/bin/debvisor firewall load
ExecStop=
`

// Lock keeps other runs out until the result is closed or the program ends. Who loads, confirms or rolls back holds it from
// before the plan until after the last change: a rollback between the two would leave old rules beside new files. It waits
// as long as the other needs, or ctx lasts.
func Lock(ctx context.Context, h *host.Host) (io.Closer, error) {
	return h.WaitLock(ctx, "/run/debvisor/firewall.lock")
}

// Files are the base ruleset's files for a machine. debvisor-local.nft is the operator's and not among them.
func Files(c Config) []host.Want {
	return []host.Want{
		host.Dir{Path: DropInDir, Mode: 0o755},
		host.File{Path: BasePath, Content: Base(c), Mode: 0o644},
		host.File{Path: FinalPath, Content: Final(), Mode: 0o644},
		host.File{Path: MainPath, Content: Main(), Mode: 0o755},
	}
}

// Plan plans the base ruleset into the kernel and then into its files, so that a file never tells of rules that are not
// in force. A ruleset that nft does not take as a whole is not loaded at all. Rules on trial end with it.
func Plan(ctx context.Context, h *host.Host, c Config) ([]host.Change, error) {
	w, err := wanted(ctx, h, c)
	if err != nil {
		return nil, err
	}
	return w.forGood(ctx, h)
}

// target is a configuration on a machine: what would be loaded, beside what is there.
type target struct {
	source
	kernel       ruleset       // what is in force
	local, files []host.Change // the operator's file where there is none, and DebVisor's
}

func wanted(ctx context.Context, h *host.Host, c Config) (w target, err error) {
	if err = c.Check(); err != nil {
		return w, err
	}
	if w.kernel, err = inForce(ctx, h); err != nil {
		return w, err
	}
	if w.files, err = h.Need(Files(c)...); err != nil {
		return w, err
	}
	if w.local, err = firstLocal(h); err != nil {
		return w, err
	}
	others, err := includeOthers(h)
	if err != nil {
		return w, err
	}
	w.source, err = sourceOf(h, strings.NewReplacer(include(BasePath), Base(c), include(FinalPath), Final(), includeDropIns, others).Replace(Main()))
	return w, err
}

// forGood plans that the configuration is in force, is what a rollback goes back to, and is in the files; in this order.
func (w target) forGood(ctx context.Context, h *host.Host) ([]host.Change, error) {
	changes := w.local
	if w.kernel.digest() != w.digest {
		changes = append(changes, w.load(w.kernel, w.kernel.blocklist(h))...)
	}
	kept, err := w.keep(h)
	if err != nil {
		return nil, err
	}
	ended, err := endTrial(ctx, h)
	return append(append(append(changes, kept...), w.files...), ended...), err
}

// firstLocal makes the operator's file when there is none. It holds comments alone, so it may come before the load.
func firstLocal(h *host.Host) ([]host.Change, error) {
	if _, err := h.Stat(LocalPath); !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return h.Need(host.File{Path: LocalPath, Content: Local(), Mode: 0o644})
}
