package repository

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// flushAll empties the ruleset of everybody: Docker's, libvirt's, and the one that keeps the node closed.
var flushAll = regexp.MustCompile(`flush["',\s]+ruleset`)

// flushing are the files that say so, comments apart.
func flushing(all map[string]string) []string {
	var found []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for line := range strings.Lines(all[name]) {
			line = strings.TrimSpace(line)
			if flushAll.MatchString(line) && !strings.HasPrefix(line, "//") && !strings.HasPrefix(line, "#") {
				found = append(found, name)
				break
			}
		}
	}
	return found
}

func TestNothingFlushesTheWholeRuleset(t *testing.T) {
	all := texts(t, "../builder", "../cmd", "../collection", "../config", "../firstboot", "../installer", "../internal", "../modules", "../playbooks", "../roles")
	maps.DeleteFunc(all, func(name, _ string) bool { return strings.HasSuffix(name, "_test.go") })
	if _, found := all["../config/overlay/etc/nftables.conf"]; !found {
		t.Fatal("there is no nftables.conf: this test looks in the wrong place")
	}
	for _, name := range flushing(all) {
		t.Errorf("%s flushes the whole ruleset", name)
	}
}

func TestTheFlushCheckFindsEveryWayToSayIt(t *testing.T) {
	got := flushing(map[string]string{
		"a.conf": "#!/usr/sbin/nft -f\n\tflush  ruleset\n",
		"b.go":   "h.Run(ctx, \"nft\", \"flush\", \"ruleset\")\n",
		"c.yml":  "cmd: [nft, flush, ruleset]\n",
		"d.go":   "// nothing may flush ruleset\nx := \"flush table inet debvisor\"\n",
		"e.conf": "# never: flush ruleset\nflush table inet debvisor\n",
	})
	if want := []string{"a.conf", "b.go", "c.yml"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}
