package nft

import (
	"context"
	"regexp"
	"strings"

	"debvisor/internal/host"
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

var serviceSet = regexp.MustCompile(`(?m)^\tset (service[46]_\S+) \{`)

// stale deletes the sets of services that a new base no longer has; nothing uses them once its rules are replaced.
func (r ruleset) stale(base string) string {
	var b strings.Builder
	for _, found := range serviceSet.FindAllStringSubmatch(r.table("debvisor"), -1) {
		if !strings.Contains(base, found[0]) {
			b.WriteString("delete set inet debvisor " + found[1] + "\n")
		}
	}
	return b.String()
}

// dropIns includes the files of /etc/nftables.d. The blocklist's is left out while its table is in the kernel: its module
// keeps that, and reading a million entries takes nft seconds and half a gigabyte, which a rollback does not have.
func (r ruleset) dropIns(h *host.Host) (string, error) {
	if r.table("debvisor_blocklist") == "" {
		return includeDropIns, nil
	}
	return includeOthers(h)
}

func includeOthers(h *host.Host) (string, error) {
	names, err := otherDropIns(h)
	var b strings.Builder
	for _, name := range names {
		b.WriteString(include(name))
	}
	return b.String(), err
}

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
