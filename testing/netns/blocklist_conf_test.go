package netns

import (
	"strings"
	"testing"
	"time"

	"debvisor/internal/blocklist"
	"debvisor/internal/blocklist/addrset"
	"debvisor/internal/blocklist/addrset/sample"
	"debvisor/internal/blocklist/kernel"
)

// What nft makes of the file at boot is what the module makes, so that the first run after a boot finds nothing to do.
func TestTheFileForNftIsWhatTheModuleLoads(t *testing.T) {
	lists := map[string]string{
		"empty": "", "hosts": "192.0.2.1\n2001:db8::1\n", "ranges": "192.0.2.0/24\n2001:db8::/32\n",
		"edges": "0.0.0.0-0.0.0.5\n255.255.255.0/24\n::\nffff:ffff:ffff:ffff:ffff:ffff:ffff:fff0/124\n",
		"large": string(sample.Block4(5000, 11)) + string(sample.Block6(2000, 11)),
	}
	for name, text := range lists {
		t.Run(name, func(t *testing.T) {
			l := newBlockLab(t)
			var lines addrset.Reader
			if err := lines.Read(name, strings.NewReader(text)); err != nil {
				t.Fatal(err)
			}
			want := lines.Set()
			l.write(t, blocklist.ConfPath, blocklist.Conf(want))
			for range 2 { // the second load refills what is there
				l.nft(t, "-f", blocklist.ConfPath)
				for _, conn := range []*kernel.Conn{l.table, l.connect(t, kernel.WithoutCounts())} {
					if got := l.difference(t, conn, want); got != "" {
						t.Fatalf("nft made something else of the file: %s", got)
					}
				}
			}
			l.load(t, read(t, "198.18.0.0/15\n"))
			l.nft(t, "-f", blocklist.ConfPath)
			if got := l.difference(t, l.table, want); got != "" {
				t.Errorf("over another list: %s", got)
			}
		})
	}
}

func TestAPlanIsCompleteInTheRealKernel(t *testing.T) {
	l := newBlockLab(t)
	l.write(t, blocklist.DefaultSource, "192.0.2.0/24\n2001:db8:bad::/48\n")
	desired := blocklist.Desired{Settings: blocklist.Settings{Sources: []string{blocklist.DefaultSource}}, Now: time.Now()}
	plan := func() blocklist.Outcome {
		t.Helper()
		o, err := blocklist.Plan(t.Context(), l.Host, l.connect(t), desired)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	converge := func(text string) {
		t.Helper()
		l.write(t, blocklist.DefaultSource, text)
		o := plan()
		if len(o.Changes) == 0 {
			t.Fatal("nothing to do")
		}
		if err := l.Apply(t.Context(), o.Changes); err != nil {
			t.Fatal(err)
		}
		if left := plan().Changes; len(left) > 0 {
			t.Fatalf("left: %v", left)
		}
		l.mustHold(t, read(t, text))
	}
	converge("192.0.2.0/24\n2001:db8:bad::/48\n")
	converge("192.0.2.0/24\n192.0.3.7\n")
	l.nft(t, "flush", "set", "inet", "debvisor_blocklist", "blocked_ips")
	if o := plan(); !strings.Contains(changesOf(o), "load 2 ranges into the kernel") {
		t.Errorf("after a flush: %s", changesOf(o))
	}
	converge("192.0.2.0/24\n192.0.3.7\n")
	l.nft(t, "flush", "ruleset")
	l.nft(t, "-f", blocklist.ConfPath) // as at boot
	if left := plan().Changes; len(left) > 0 {
		t.Errorf("after a boot: %v", left)
	}
	converge("")
	if got := l.difference(t, l.table, addrset.Set{}); got != "" {
		t.Errorf("an empty list: %s", got)
	}
}

func changesOf(o blocklist.Outcome) string {
	var lines []string
	for _, c := range o.Changes {
		lines = append(lines, c.String())
	}
	return strings.Join(lines, "; ")
}
