package addrset_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"debvisor/internal/blocklist/addrset"
	"debvisor/internal/blocklist/addrset/sample"
	"debvisor/internal/host"
)

// iprange is the oracle for IPv4.
func iprange(t *testing.T, args ...string) string {
	t.Helper()
	out, err := host.System{}.Run(context.Background(), host.Cmd{Args: append([]string{"iprange"}, args...)})
	if errors.Is(err, host.ErrMissing) {
		t.Skip("needs iprange")
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func write(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLargeListsOfIPv4AgreeWithIprange(t *testing.T) {
	for seed, lines := range []int{100, 10_000, 50_000, 200_000} {
		blockList := sample.Block4(lines, uint64(seed))
		allowList := sample.Allow4(lines/10, lines, uint64(seed))
		block, allow := read(t, string(blockList)), read(t, string(allowList))
		a, b := write(t, "block", blockList), write(t, "allow", allowList)
		for _, c := range []struct {
			got  addrset.Set
			args []string
		}{
			{block, []string{a}},
			{block.Union(allow), []string{a, b}},
			{block.Except(allow), []string{a, "--except", b}},
			{allow.Except(block), []string{b, "--except", a}},
			{block.Intersect(allow), []string{a, "--common", b}},
		} {
			if want := iprange(t, c.args...); text(t, c.got) != want {
				t.Errorf("%d lines: other than iprange %v", lines, c.args)
			}
		}
	}
}
