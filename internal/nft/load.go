package nft

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"slices"
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

func (w target) forGood(ctx context.Context, h *host.Host) ([]host.Change, error) {
	changes := w.local
	if w.kernel.digest() != w.digest {
		changes = append(changes, check(w.text), load(w.text))
	}
	changes = append(changes, w.files...)
	ended, err := endTrial(ctx, h)
	return append(changes, ended...), err
}

// target is a configuration on a machine: what would be loaded, beside what is there.
type target struct {
	before, base string        // debvisor.nft as it is, and as it will be
	text, digest string        // what is loaded for it
	kernel       ruleset       // what is in force
	disk         string        // the digest of the files as they are, or ""
	local, files []host.Change // the operator's file where there is none, and DebVisor's
}

func wanted(ctx context.Context, h *host.Host, c Config) (target, error) {
	w := target{base: Base(c)}
	err := c.Check()
	if err != nil {
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
	if w.disk, err = onDisk(h); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return w, err
	}
	return w, w.read(h)
}

// read puts what would be loaded together: the new base, and the operator's files where they are.
func (w *target) read(h *host.Host) error {
	local, err := readOr(h, LocalPath, Local())
	if err != nil {
		return err
	}
	if w.before, err = readOr(h, BasePath, ""); err != nil {
		return err
	}
	if w.digest, err = digestOf(h, Main(), w.base, Final(), local); err != nil {
		return err
	}
	dropIns, err := w.kernel.dropIns(h)
	w.text = strings.NewReplacer(include(BasePath), w.base, include(FinalPath), Final(), includeDropIns, dropIns).Replace(Main()) +
		w.kernel.stale(w.base) + mark(w.digest)
	return err
}

// firstLocal makes the operator's file when there is none. It holds comments alone, so it may come before the load.
func firstLocal(h *host.Host) ([]host.Change, error) {
	if _, err := h.Stat(LocalPath); !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return h.Need(host.File{Path: LocalPath, Content: Local(), Mode: 0o644})
}

func include(path string) string { return fmt.Sprintf("include %q\n", path) }

var includeDropIns = include(DropInDir + "/*.conf")

// mark puts a digest of everything that was loaded into the kernel, in a chain that no packet enters.
func mark(digest string) string {
	return fmt.Sprintf("add rule inet debvisor loaded accept comment %q\n", digest)
}

// blocklistFile is loaded with all others, but its own module proves it in the kernel. A digest over it would load the base
// anew each time an address is blocked.
const blocklistFile = DropInDir + "/10-blocklist.conf"

func otherDropIns(h *host.Host) ([]string, error) {
	names, err := h.Glob(DropInDir + "/*.conf")
	return slices.DeleteFunc(names, func(name string) bool { return name == blocklistFile }), err
}

// digestOf also covers the files of /etc/nftables.d, the blocklist's apart.
func digestOf(h *host.Host, texts ...string) (string, error) {
	names, err := otherDropIns(h)
	if err != nil {
		return "", err
	}
	for _, name := range names {
		data, err := h.ReadFile(name)
		if err != nil {
			return "", err
		}
		texts = append(texts, name, string(data))
	}
	sum := sha256.New()
	for _, t := range texts {
		fmt.Fprintf(sum, "%d:%s", len(t), t)
	}
	return fmt.Sprintf("sha256:%x", sum.Sum(nil)), nil
}

// onDisk is the digest of the files as they are.
func onDisk(h *host.Host) (string, error) {
	var texts []string
	for _, path := range []string{MainPath, BasePath, FinalPath} {
		data, err := h.ReadFile(path)
		if err != nil {
			return "", err
		}
		texts = append(texts, string(data))
	}
	local, err := readOr(h, LocalPath, Local())
	if err != nil {
		return "", err
	}
	return digestOf(h, append(texts, local)...)
}

func readOr(h *host.Host, path, otherwise string) (string, error) {
	data, err := h.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return otherwise, nil
	}
	return string(data), err
}

func check(text string) host.Change {
	return host.Exec{Why: "check the ruleset", Cmd: host.Cmd{Args: []string{"nft", "-c", "-f", "-"}, Stdin: text}}
}

func load(text string) host.Change {
	return host.Exec{Why: "load the ruleset", Cmd: host.Cmd{Args: []string{"nft", "-f", "-"}, Stdin: text}}
}
