package nft

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
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
// in force. A ruleset that nft does not take as a whole is not loaded at all.
func Plan(ctx context.Context, h *host.Host, c Config) ([]host.Change, error) {
	files, err := h.Need(Files(c)...)
	if err != nil {
		return nil, err
	}
	text, digest, err := candidate(h, c)
	if err != nil {
		return nil, err
	}
	loaded, err := inKernel(ctx, h)
	if err != nil {
		return nil, err
	}
	changes, err := firstLocal(h)
	if err != nil {
		return nil, err
	}
	if loaded != digest {
		changes = append(changes, check(text), load(text))
	}
	return append(changes, files...), nil
}

// firstLocal makes the operator's file when there is none. It holds comments alone, so it may come before the load.
func firstLocal(h *host.Host) ([]host.Change, error) {
	if _, err := h.Stat(LocalPath); !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return h.Need(host.File{Path: LocalPath, Content: Local(), Mode: 0o644})
}

// candidate is what would be loaded: the new base, and the operator's files where they are.
func candidate(h *host.Host, c Config) (text, digest string, err error) {
	local, err := readOr(h, LocalPath, Local())
	if err != nil {
		return "", "", err
	}
	digest, err = digestOf(h, Main(), Base(c), Final(), local)
	if err != nil {
		return "", "", err
	}
	text = strings.NewReplacer(include(BasePath), Base(c), include(FinalPath), Final()).Replace(Main())
	return text + mark(digest), digest, nil
}

func include(path string) string { return fmt.Sprintf("include %q\n", path) }

// mark puts a digest of everything that was loaded into the kernel, in a chain that no packet enters.
func mark(digest string) string {
	return fmt.Sprintf("add rule inet debvisor loaded accept comment %q\n", digest)
}

// digestOf also covers the files of /etc/nftables.d.
func digestOf(h *host.Host, texts ...string) (string, error) {
	names, err := h.Glob(DropInDir + "/*.conf")
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

func readOr(h *host.Host, path, otherwise string) (string, error) {
	data, err := h.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return otherwise, nil
	}
	return string(data), err
}

// inKernel is the digest of what is loaded, or "".
func inKernel(ctx context.Context, h *host.Host) (string, error) {
	out, err := h.Run(ctx, "nft", "-t", "list", "ruleset", "inet")
	if err != nil {
		return "", err
	}
	_, table, _ := strings.Cut("\n"+string(out), "\ntable inet debvisor {")
	table, _, _ = strings.Cut(table, "\n}")
	_, chain, _ := strings.Cut(table, "chain loaded {")
	chain, _, _ = strings.Cut(chain, "}")
	_, comment, _ := strings.Cut(chain, `comment "`)
	digest, _, _ := strings.Cut(comment, `"`)
	return digest, nil
}

func check(text string) host.Change {
	return host.Exec{Why: "check the ruleset", Cmd: host.Cmd{Args: []string{"nft", "-c", "-f", "-"}, Stdin: text}}
}

func load(text string) host.Change {
	return host.Exec{Why: "load the ruleset", Cmd: host.Cmd{Args: []string{"nft", "-f", "-"}, Stdin: text}}
}
