package addrset

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"debvisor/internal/blocklist/addrset/sample"
)

func TestFindNamesTheLinesOfAnAddress(t *testing.T) {
	text := "\ufeff10.0.0.0/8 # all\nnonsense\n\n10.1.2.0 - 10.1.2.9\r\n192.0.2.1\n::ffff:10.1.2.3\n" +
		strings.Repeat("x", 3*maxLine) + "\n10.1.2.3 #" + strings.Repeat("y", 3*maxLine) + "\n2001:db8::/32\n10.1.2.3"
	for wanted, want := range map[string]string{
		"10.1.2.3":      "[l:1: 10.0.0.0/8 l:4: 10.1.2.0 - 10.1.2.9 l:6: ::ffff:10.1.2.3 l:8: 10.1.2.3 l:10: 10.1.2.3]",
		"10.9.9.9":      "[l:1: 10.0.0.0/8]",
		"192.0.2.1":     "[l:5: 192.0.2.1]",
		"2001:db8::5":   "[l:9: 2001:db8::/32]",
		"203.0.113.255": "[]",
	} {
		a := netip.MustParseAddr(wanted)
		lines, err := Find("l", strings.NewReader(text), Of(netip.PrefixFrom(a, a.BitLen())), 10)
		if got := fmt.Sprint(lines); err != nil || got != want {
			t.Errorf("%s: %s, %v", wanted, got, err)
		}
		for _, l := range lines {
			if !l.Hit.Equal(Of(netip.PrefixFrom(a, a.BitLen()))) {
				t.Errorf("%s: hit %v", wanted, l.Hit)
			}
		}
	}
	if lines, err := Find("l", strings.NewReader(text), Of(netip.MustParsePrefix("0.0.0.0/0")), 2); err != nil || len(lines) != 2 {
		t.Errorf("the first two: %v, %v", lines, err)
	}
}

// Find and Reader take the same lines for entries.
func TestFindReadsAsReaderDoes(t *testing.T) {
	for _, text := range [][]byte{sample.Block4(2000, 5), sample.Block6(2000, 5)} {
		var r Reader
		if err := r.Read("l", strings.NewReader(string(text))); err != nil {
			t.Fatal(err)
		}
		_, entries := r.Counts()
		everything := Of(netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0"))
		lines, err := Find("l", strings.NewReader(string(text)), everything, 1<<30)
		if err != nil || len(lines) != entries {
			t.Errorf("%d lines, %d entries, %v", len(lines), entries, err)
		}
		var all Set
		for _, l := range lines {
			all = all.Union(l.Hit)
		}
		if !all.Equal(r.Set()) {
			t.Error("other addresses")
		}
	}
}
