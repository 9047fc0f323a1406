package nft

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"debvisor/internal/host"
	"debvisor/internal/pattern"
)

// ruleset is what is in force, as nft prints it without the elements of sets: those of a blocklist take a minute.
type ruleset string

func inForce(ctx context.Context, h *host.Host) (ruleset, error) {
	out, err := h.Run(ctx, "nft", "-t", "list", "ruleset", "inet")
	return ruleset(out), err
}

// table is the text of a table of the family inet, or "".
func (r ruleset) table(name string) string {
	_, table, _ := strings.Cut("\n"+string(r), "\ntable inet "+name+" {")
	table, _, _ = strings.Cut(table, "\n}")
	return table
}

// digest is the digest of what was loaded, or "".
func (r ruleset) digest() string {
	_, chain, _ := strings.Cut(r.table("debvisor"), "chain loaded {")
	chain, _, _ = strings.Cut(chain, "}")
	_, comment, _ := strings.Cut(chain, `comment "`)
	digest, _, _ := strings.Cut(comment, `"`)
	return digest
}

// objects are what a table holds besides rules that matters to packets: sets and maps come first, whose elements may name
// chains.
var objects = []func() *regexp.Regexp{
	pattern.Lazy(`(?m)^\t(set|map|flowtable) (\S+) \{`),
	pattern.Lazy(`(?m)^\t(chain) (\S+) \{`),
}

// stale deletes the sets and chains of the table that a text to load does not have. It comes before the text, which may
// declare one of them in a way that is not seen here.
func (r ruleset) stale(text string) string {
	var b strings.Builder
	for _, object := range objects {
		for _, found := range object().FindAllStringSubmatch(r.table("debvisor"), -1) {
			if !declares(text, found[1], found[2]) {
				fmt.Fprintf(&b, "delete %s inet debvisor %s\n", found[1], found[2])
			}
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return "flush table inet debvisor\n" + b.String()
}

func declares(text, kind, name string) bool {
	declaration := `\b` + kind + `\s+(inet\s+debvisor\s+)?` + regexp.QuoteMeta(name) + `(\s|[{;]|$)`
	return regexp.MustCompile(declaration).MatchString(text)
}

// blocklist includes the blocklist's file unless its table is in the kernel: its module keeps that, and reading a million
// entries takes nft seconds and half a gigabyte.
func (r ruleset) blocklist(h *host.Host) string {
	if r.table("debvisor_blocklist") != "" || !h.Exists(blocklistFile) {
		return ""
	}
	return include(blocklistFile)
}
