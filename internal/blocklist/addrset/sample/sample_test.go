package sample_test

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"debvisor/internal/blocklist/addrset/sample"
)

func TestTheSameArgumentsMakeTheSameList(t *testing.T) {
	for name, list := range map[string]func(seed uint64) []byte{
		"block 4": func(seed uint64) []byte { return sample.Block4(1000, seed) },
		"block 6": func(seed uint64) []byte { return sample.Block6(1000, seed) },
		"allow 4": func(seed uint64) []byte { return sample.Allow4(1000, 500, seed) },
		"allow 6": func(seed uint64) []byte { return sample.Allow6(1000, 500, seed) },
	} {
		if !bytes.Equal(list(1), list(1)) || bytes.Equal(list(1), list(2)) {
			t.Errorf("%s depends on something else, or not on the seed", name)
		}
		if n := bytes.Count(list(1), []byte("\n")); n != 1000 {
			t.Errorf("%s has %d lines", name, n)
		}
	}
}

// kinds counts lines, in percent of all.
func kinds(t *testing.T, list []byte) (distinct, networks, comments int) {
	t.Helper()
	seen, n := map[string]bool{}, 0
	for line := range strings.Lines(string(list)) {
		n++
		seen[line] = true
		entry, _, found := strings.Cut(strings.TrimSpace(line), "#")
		entry = strings.TrimSpace(entry)
		if found || entry == "" {
			comments++
		}
		if strings.Contains(entry, "/") {
			networks++
			if p, err := netip.ParsePrefix(entry); err != nil || p != p.Masked() {
				t.Errorf("%q", line)
			}
		} else if _, err := netip.ParseAddr(entry); entry != "" && err != nil {
			t.Errorf("%q", line)
		}
	}
	return len(seen) * 100 / n, networks * 100 / n, comments * 100 / n
}

func TestListsAreAsInTheWild(t *testing.T) {
	for name, list := range map[string][]byte{"IPv4": sample.Block4(50_000, 1), "IPv6": sample.Block6(50_000, 1)} {
		distinct, networks, comments := kinds(t, list)
		if distinct < 80 || distinct > 95 || networks < 7 || networks > 9 || comments < 4 || comments > 5 {
			t.Errorf("%s: %d %% distinct, %d %% networks, %d %% comments", name, distinct, networks, comments)
		}
	}
}
