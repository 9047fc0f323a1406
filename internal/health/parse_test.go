package health

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

func TestKernelVersionsAreOrderedByTheirNumbers(t *testing.T) {
	ascending := []string{"6.1.0-9-amd64", "6.1.0-31-amd64", "6.12~rc7", "6.12", "6.12.9+deb13-amd64", "6.12.48+deb13-amd64", "6.12.048+deb14-amd64", "7"}
	for i, a := range ascending {
		for j, b := range ascending {
			if got := compareVersions(a, b); got < 0 != (i < j) || got > 0 != (i > j) {
				t.Errorf("compare %s with %s: %d", a, b, got)
			}
		}
	}
}

func TestListenersAreThoseBeyondLoopback(t *testing.T) {
	var got strings.Builder
	for _, l := range listeners(`udp   UNCONN 0 0 127.0.0.53%lo:53 0.0.0.0:*
udp   UNCONN 0 0 10.0.0.5%br0:68 0.0.0.0:* users:(("systemd-network",pid=1,fd=2))
tcp   LISTEN 0 5 [::1]:631 [::]:*
tcp   LISTEN 0 5 [::ffff:127.0.0.1]:8005 *:*
udp   UNCONN 0 0 [fe80::1]%br0:546 [::]:*
tcp   LISTEN 0 5 *:9090 *:*
tcp   LISTEN 0 5
nonsense
`) {
		fmt.Fprintf(&got, "%s %v\n", l, l.loopback())
	}
	want := "53/udp true\n68/udp (systemd-network) false\n631/tcp true\n8005/tcp true\n546/udp false\n9090/tcp false\n"
	if got.String() != want {
		t.Errorf("got\n%s", got.String())
	}
}

func TestOpenedPortsAreThoseOfAcceptingRules(t *testing.T) {
	rule := func(chain, right, verdict string) string {
		return fmt.Sprintf(`{"rule": {"chain": %q, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": %s}}, {%q: null}]}}`, chain, right, verdict)
	}
	rs, err := parseRuleset([]byte(`{"nftables": [{"metainfo": {}},
		{"chain": {"name": "input", "hook": "input", "policy": "drop"}}, {"chain": {"name": "fwd", "hook": "forward", "policy": "drop"}}, {"chain": {"name": "mine"}},` +
		strings.Join([]string{rule("input", "22", "accept"), rule("input", "23", "drop"), rule("fwd", "24", "accept"),
			rule("mine", `{"set": [80, {"range": [8000, 8010]}]}`, "accept"), rule("input", "25", "jump"), rule("input", `"@ports"`, "accept")}, ",") + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := []span{{"tcp", 22, 22}, {"tcp", 80, 80}, {"tcp", 8000, 8010}, {"tcp", 25, 25}}
	if got := rs.opened(); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

// Whatever nft, ss and the files say, it is read without a panic; and what was read of a ruleset is consistent.
func FuzzWhatCommandsPrint(f *testing.F) {
	data, err := os.ReadFile("testdata/healthy.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range txtar.Parse(data).Files {
		f.Add(file.Data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if rs, err := parseRuleset(data); err == nil {
			rs.bridges("br0")
			for _, s := range rs.opened() {
				if s.low <= s.high && !open(rs.opened(), s.protocol, s.low) {
					t.Errorf("%v is opened and not open", s)
				}
			}
		}
		for _, l := range listeners(string(data)) {
			l.loopback()
		}
		a, b, _ := strings.Cut(string(data), "\n")
		if x, y := compareVersions(a, b), compareVersions(b, a); (x < 0) != (y > 0) || (x > 0) != (y < 0) {
			t.Errorf("compare %q with %q: %d, the other way round %d", a, b, x, y)
		}
		properties(string(data), "=")
	})
}
