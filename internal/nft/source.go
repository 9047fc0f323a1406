package nft

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"debvisor/internal/host"
	"debvisor/internal/pattern"
)

// source is a whole ruleset as text, the blocklist apart.
type source struct {
	named  string // includes the operator's files, so that nft names them in what it finds wrong: this is checked
	text   string // holds them: this is loaded, and kept, whatever becomes of the files
	digest string // of the text, which ends with it
}

// sourceOf reads what named includes.
func sourceOf(h *host.Host, named string) (source, error) {
	text, err := inlined(h, named, 0)
	if err != nil {
		return source{}, err
	}
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(text)))
	return source{named, text + mark(digest), digest}, nil
}

// onDisk is what the files say.
func onDisk(h *host.Host) (source, error) {
	main, err := WithoutBlocklist(h)
	if err != nil {
		return source{}, err
	}
	return sourceOf(h, main)
}

// load plans it into the kernel, with the blocklist's file or "".
func (s source) load(kernel ruleset, blocklist string) []host.Change {
	stale := kernel.stale(s.text)
	return []host.Change{check(stale + s.named + blocklist), load(stale + s.text + blocklist)}
}

func check(text string) host.Change {
	return host.Exec{Why: "check the ruleset", Cmd: host.Cmd{Args: []string{"nft", "-c", "-f", "-"}, Stdin: text}}
}

func load(text string) host.Change {
	return host.Exec{Why: "load the ruleset", Cmd: host.Cmd{Args: []string{"nft", "-f", "-"}, Stdin: text}}
}

// mark puts a digest of everything that was loaded into the kernel, in a chain that no packet enters.
func mark(digest string) string {
	return fmt.Sprintf("add rule inet debvisor loaded accept comment %q\n", digest)
}

func include(path string) string { return fmt.Sprintf("include %q\n", path) }

var includeDropIns = include(DropInDir + "/*.conf")

// blocklistFile is loaded at boot with all others, but its own module proves it in the kernel. A digest over it would load
// the base anew each time an address is blocked.
const blocklistFile = DropInDir + "/10-blocklist.conf"

// WithoutBlocklist is /etc/nftables.conf for nft without the blocklist's file, which makes nothing of the table inet
// debvisor: for who wants to know what the files mean and not wait for a million entries.
func WithoutBlocklist(h *host.Host) (string, error) {
	main, err := h.ReadFile(MainPath)
	if err != nil {
		return "", err
	}
	others, err := includeOthers(h)
	return strings.Replace(string(main), includeDropIns, others, 1), err
}

// includeOthers includes the files of /etc/nftables.d one by one, without the blocklist's.
func includeOthers(h *host.Host) (string, error) {
	names, err := matches(h, DropInDir+"/*.conf")
	var b strings.Builder
	for _, name := range names {
		b.WriteString(include(name))
	}
	return b.String(), err
}

var includeLine = pattern.Lazy(`(?m)^[ \t]*include[ \t]+"(/[^"]*)"[ \t;]*$`)

// mostLevels is how deep nft lets files include each other.
const mostLevels = 16

// inlined is a text with the files in the place of the lines that include them.
func inlined(h *host.Host, text string, level int) (string, error) {
	if level > mostLevels {
		return "", errors.New("the files include each other without an end")
	}
	var wrong error
	whole := includeLine().ReplaceAllStringFunc(text, func(line string) string {
		content, err := contents(h, includeLine().FindStringSubmatch(line)[1], level)
		wrong = errors.Join(wrong, err)
		return content
	})
	return whole, wrong
}

func contents(h *host.Host, pattern string, level int) (string, error) {
	names, err := matches(h, pattern)
	if err != nil {
		return "", err
	}
	var all []string
	for _, name := range names {
		data, err := h.ReadFile(name)
		if name == LocalPath && errors.Is(err, fs.ErrNotExist) {
			data, err = []byte(Local()), nil // it is made before anything is loaded
		}
		if err != nil {
			return "", err
		}
		content, err := inlined(h, strings.TrimSuffix(string(data), "\n"), level+1)
		if err != nil {
			return "", err
		}
		all = append(all, content)
	}
	return strings.Join(all, "\n"), nil
}

// matches are the files that nft would include for a pattern, without the blocklist's.
func matches(h *host.Host, pattern string) ([]string, error) {
	if !strings.ContainsAny(pattern, `*?[`) && pattern != blocklistFile {
		return []string{pattern}, nil
	}
	names, err := h.Glob(pattern)
	return slices.DeleteFunc(names, func(name string) bool {
		return name == blocklistFile || strings.HasPrefix(path.Base(name), ".")
	}), err
}

var tableLine = pattern.Lazy(`(?m)^[ \t]*(?:(?:add|create)[ \t]+)?table[ \t]+(?:(ip6?|inet|arp|bridge|netdev)[ \t]+)?([^\s{;]+)`)

// newTables are the tables beside DebVisor's that a text would make, as nft writes them: "inet x".
func newTables(ctx context.Context, h *host.Host, text string) ([]string, error) {
	out, err := h.Run(ctx, "nft", "list", "tables")
	known := strings.Split(string(out), "\n")
	var all []string
	for _, found := range tableLine().FindAllStringSubmatch(text, -1) {
		name := cmp.Or(found[1], "ip") + " " + found[2]
		if name != "inet debvisor" && !slices.Contains(known, "table "+name) && !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all, err
}
