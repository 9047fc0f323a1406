package netns

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"debvisor/internal/blocklist/addrset"
	"debvisor/internal/blocklist/kernel"
)

// tampered is a list with whose elements the tampering is done.
const tampered = "192.0.2.1 198.51.100.0/24 2001:db9::1 2001:dba::/64"

// tamperings are what somebody may do behind our back: nft commands, where TABLE is ours and HANDLE that of the last rule of
// the input chain. What is told must begin so.
var tamperings = []struct{ name, commands, told string }{
	{"a missing host", "delete element TABLE blocked_hosts { 192.0.2.1 }", "blocked_hosts holds"},
	{"a foreign host", "add element TABLE blocked_hosts { 192.0.2.2 }", "blocked_hosts holds"},
	{"a missing and a foreign host", "delete element TABLE blocked_hosts { 192.0.2.1 } && add element TABLE blocked_hosts { 192.0.2.2 }", "blocked_hosts lacks 192.0.2.1"},
	{"a missing range", "delete element TABLE blocked_ips { 198.51.100.0/24 }", "blocked_ips holds"},
	{"a foreign range", "add element TABLE blocked_ips { 203.0.113.0/24 }", "blocked_ips holds"},
	{"a missing and a foreign range", "delete element TABLE blocked_ips { 198.51.100.0/24 } && add element TABLE blocked_ips { 203.0.113.0/24 }", "blocked_ips lacks 198.51.100.0"},
	{"a smaller range", "delete element TABLE blocked_ips { 198.51.100.0/24 } && add element TABLE blocked_ips { 198.51.100.0/25 }", "blocked_ips"},
	{"a range that begins later", "delete element TABLE blocked_ips { 198.51.100.0/24 } && add element TABLE blocked_ips { 198.51.100.128/25 }", "blocked_ips lacks"},
	{"a range up to the last address", "add element TABLE blocked_ips { 240.0.0.0/4 }", "blocked_ips holds"},
	{"a missing IPv6 host", "delete element TABLE blocked_hosts6 { 2001:db9::1 }", "blocked_hosts6 holds"},
	{"a missing and a foreign IPv6 host", "delete element TABLE blocked_hosts6 { 2001:db9::1 } && add element TABLE blocked_hosts6 { 2001:db9::2 }", "blocked_hosts6 lacks 2001:db9::1"},
	{"a foreign IPv6 range", "add element TABLE blocked_ips6 { fe80::/10 }", "blocked_ips6 holds"},
	{"an IPv6 range up to the last address", "add element TABLE blocked_ips6 { ff00::/8 }", "blocked_ips6 holds"},
	{"a missing and a foreign IPv6 range", "delete element TABLE blocked_ips6 { 2001:dba::/64 } && add element TABLE blocked_ips6 { 2001:dbb::/64 }", "blocked_ips6 lacks 2001:dba::"},
	{"everything in a hash set", "add element TABLE blocked_hosts { * }", "blocked_hosts holds all addresses"},
	{"flushed hosts", "flush set TABLE blocked_hosts", "blocked_hosts holds"},
	{"flushed ranges", "flush set TABLE blocked_ips", "blocked_ips holds"},
	{"a deleted rule", "delete rule TABLE debvisor_blocklist_input handle HANDLE", "chain debvisor_blocklist_input has 4 rules"},
	{"a flushed chain", "flush chain TABLE debvisor_blocklist_forward", "chain debvisor_blocklist_forward has 0 rules"},
	{"flushed rules", "flush table TABLE", "chain debvisor_blocklist_forward has 0 rules"},
	{"a changed rule", `replace rule TABLE debvisor_blocklist_input handle HANDLE ip6 saddr @blocked_ips6 counter name "input_ipv6" accept`, "chain debvisor_blocklist_input has other rules"},
	{"an inverted rule", `replace rule TABLE debvisor_blocklist_input handle HANDLE ip6 saddr != @blocked_ips6 counter name "input_ipv6" drop`, "chain debvisor_blocklist_input has other rules"},
	{"a rule for any interface", `replace rule TABLE debvisor_blocklist_input handle HANDLE iifname "lo*" accept`, "chain debvisor_blocklist_input has other rules"},
	{"a rule with another counter", `replace rule TABLE debvisor_blocklist_input handle HANDLE ip6 saddr @blocked_ips6 counter name "forward_ipv6" drop`, "chain debvisor_blocklist_input has other rules"},
	{"a foreign rule", "insert rule TABLE debvisor_blocklist_input ip saddr 192.0.2.1 accept", "chain debvisor_blocklist_input has 6 rules"},
	{"a deleted chain", "flush chain TABLE debvisor_blocklist_forward && delete chain TABLE debvisor_blocklist_forward", "chain debvisor_blocklist_forward has 0 rules"},
	{"a chain that drops", "add chain TABLE debvisor_blocklist_input { type filter hook input priority -200; policy drop; }", "chain debvisor_blocklist_input is not"},
	{"a chain with another priority", "flush chain TABLE debvisor_blocklist_input && delete chain TABLE debvisor_blocklist_input && add chain TABLE debvisor_blocklist_input { type filter hook input priority 200; }", "chain debvisor_blocklist_input has 0 rules"},
	{"a chain without a hook", "flush chain TABLE debvisor_blocklist_input && delete chain TABLE debvisor_blocklist_input && add chain TABLE debvisor_blocklist_input", "chain debvisor_blocklist_input has 0 rules"},
	{"a foreign chain", "add chain TABLE x { type filter hook input priority -300; } && add rule TABLE x accept", "foreign chain x"},
	{"a foreign chain that is jumped to", "add chain TABLE x && add rule TABLE debvisor_blocklist_input jump x", "chain debvisor_blocklist_input has 6 rules"},
	{"a foreign set", "add set TABLE x { type ipv4_addr; } && add rule TABLE debvisor_blocklist_input ip saddr @x accept", "chain debvisor_blocklist_input has 6 rules"},
	{"a foreign map of verdicts", "add chain TABLE x && add map TABLE m { type ipv4_addr : verdict; } && add element TABLE m { 192.0.2.9 : jump x }", "foreign set m"},
	{"a foreign counter", "add counter TABLE x", "foreign object x"},
	{"a foreign quota", "add quota TABLE input_ipv4 { over 1 mbytes }", "foreign object input_ipv4"},
	{"a lost counter", "flush chain TABLE debvisor_blocklist_input && delete counter TABLE input_ipv4", "chain debvisor_blocklist_input has 0 rules"},
	{"a lost set", "flush table TABLE && delete set TABLE blocked_hosts", "chain debvisor_blocklist_forward has 0 rules"},
	{"a set of another type", "flush table TABLE && delete set TABLE blocked_ips && add set TABLE blocked_ips { type ipv4_addr; flags interval,timeout; }", "chain debvisor_blocklist_forward has 0 rules"},
	{"a set without room", "flush table TABLE && delete set TABLE blocked_hosts && add set TABLE blocked_hosts { type ipv4_addr; size 10; }", "chain debvisor_blocklist_forward has 0 rules"},
	{"a dormant table", "add table TABLE { flags dormant; }", "the table has flags 0x1"},
	{"a dormant table without a chain", "flush chain TABLE debvisor_blocklist_input && delete chain TABLE debvisor_blocklist_input && add table TABLE { flags dormant; }", "the table has flags 0x1"},
	{"no table", "delete table TABLE", "there is no table"},
}

// tamper runs the commands.
func (l *blockLab) tamper(t *testing.T, commands string) {
	t.Helper()
	const ours = "inet debvisor_blocklist"
	if strings.Contains(commands, "HANDLE") {
		handles := regexp.MustCompile(`# handle (\d+)`).FindAllStringSubmatch(l.nft(t, "-a", "-t", "list", "chain", "inet", "debvisor_blocklist", "debvisor_blocklist_input"), -1)
		commands = strings.ReplaceAll(commands, "HANDLE", handles[len(handles)-1][1])
	}
	for command := range strings.SplitSeq(strings.ReplaceAll(commands, "TABLE", ours), " && ") {
		l.nft(t, command)
	}
}

func TestTamperingIsNoticedAndRepaired(t *testing.T) {
	l := newBlockLab(t)
	want := random(3, 10000, 6).Union(list(t, tampered))
	for _, c := range tamperings {
		t.Run(c.name, func(t *testing.T) {
			l.load(t, want)
			l.mustHold(t, want)
			before := l.evidence(t)
			l.tamper(t, c.commands)
			if after, err := l.connect(t).Evidence(); err != nil || after == before {
				t.Errorf("the evidence after is as before, %v", err)
			}
			for _, conn := range []*kernel.Conn{l.table, l.connect(t, kernel.WithoutCounts())} {
				if got := l.difference(t, conn, want); !strings.HasPrefix(got, c.told) && !strings.HasPrefix(got, strings.Replace(c.told, "holds", "lacks", 1)) {
					t.Errorf("told was %q, not %q", got, c.told)
				}
			}
			l.load(t, want)
			l.mustHold(t, want)
			if got := l.difference(t, l.connect(t, kernel.WithoutCounts()), want); got != "" {
				t.Errorf("after repairing: %s", got)
			}
			sizes := want.Sizes()
			l.mustRead(t, golden(sizes.Hosts4, sizes.Hosts6))
		})
	}
}

// What nft loads from text is what we load.
func TestATableThatNftMadeIsRight(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "some": tampered, "the first addresses": "0.0.0.0/8 ::/96 192.0.2.1", "the last": "240.0.0.0/4 ff00::/8",
		"all": "0.0.0.0/0 8000::/1", "first and last": "0.0.0.0 255.255.255.255 :: ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		"first and last ranges": "0.0.0.0/31 255.255.255.254/31 ::/127 ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127",
	} {
		t.Run(name, func(t *testing.T) {
			l := newBlockLab(t)
			want := list(t, text)
			l.write(t, "/etc/ours.nft", golden(0, 0)+"\n")
			l.nft(t, "-f", "/etc/ours.nft")
			for line := range strings.SplitSeq(elementsText(want), "add ") {
				if strings.Contains(line, ",") {
					l.nft(t, "add "+line)
				}
			}
			for _, conn := range []*kernel.Conn{l.table, l.connect(t, kernel.WithoutCounts())} {
				if got := l.difference(t, conn, want); got != "" {
					t.Errorf("the table that nft made differs: %s", got)
				}
			}
			l.load(t, want)
			l.mustHold(t, want)
			if got := l.elements(t); !got.Equal(want) {
				t.Errorf("nft reads other elements: %v", got)
			}
		})
	}
}

// A large set is never read as a whole, and still one element for another is noticed.
func TestOneElementOfManyIsNoticed(t *testing.T) {
	l := newBlockLab(t)
	want := random(4, 780000, 10)
	l.load(t, want)
	l.mustHold(t, want)
	at := len(want.V4) / 2
	for want.V4[at].First != want.V4[at].Last {
		at++
	}
	gone := addrset.Set{V4: want.V4[at : at+1]}
	for name, c := range map[string]struct{ with, told string }{
		"a missing one": {"", "blocked_hosts holds"}, "a foreign one": {"203.0.113.7", "blocked_hosts holds"}, "one for another": {"203.0.113.7", "blocked_hosts lacks"},
	} {
		without := want
		if name != "a foreign one" {
			without = want.Except(gone)
		}
		now := without.Union(list(t, c.with))
		other := l.connect(t)
		if err := other.Update(t.Context(), want, now); err != nil {
			t.Fatal(err)
		}
		if e := l.evidence(t); e.Generation != 0 {
			t.Errorf("with %s, there is evidence that nothing was changed: %+v", name, e)
		}
		if got := l.difference(t, l.table, want); !strings.HasPrefix(got, c.told) {
			t.Errorf("with %s, told was %q", name, got)
		}
		l.update(t, now, want)
	}
	l.update(t, want, addrset.Set{})
	if got := l.difference(t, l.table, want); !strings.HasPrefix(got, "blocked_hosts holds 0 elements instead of") {
		t.Errorf("of flushed sets, told was %q", got)
	}
	l.load(t, want)
	l.mustHold(t, want)
}

func TestEvidenceIsOfWhatWasLoaded(t *testing.T) {
	l := newBlockLab(t)
	want := list(t, tampered)
	first := l.evidence(t)
	l.load(t, want)
	loaded := l.evidence(t)
	if loaded == first || loaded.Generation == 0 || loaded != l.evidence(t) {
		t.Fatalf("evidence %+v before and %+v after loading", first, loaded)
	}
	if fresh, err := l.connect(t).Evidence(); err != nil || fresh != loaded {
		t.Errorf("another connection sees %+v, not %+v, %v", fresh, loaded, err)
	}
	l.update(t, want, list(t, "192.0.2.1"))
	if updated := l.evidence(t); updated.Generation != loaded.Generation+1 {
		t.Errorf("after one more transaction the evidence is %+v, from %+v", updated, loaded)
	}
	l.nft(t, "add", "table", "ip", "foreign")
	if got := l.evidence(t); got.Generation != 0 {
		t.Errorf("a change by somebody else is taken for ours: %+v", got)
	}
	l.mustHold(t, list(t, "192.0.2.1"))
	l.nft(t, "add element inet debvisor_blocklist blocked_hosts { 192.0.2.9 }")
	if d := l.difference(t, l.table, list(t, "192.0.2.1")); d == "" {
		t.Fatal("nothing found")
	}
	if got := l.evidence(t); got.Generation != 0 {
		t.Errorf("there is evidence of a table that is wrong: %+v", got)
	}
	other := newBlockLab(t)
	other.load(t, want)
	if got := other.evidence(t); got.Namespace == loaded.Namespace || got.Boot != loaded.Boot {
		t.Errorf("the evidence of another namespace is %+v, that of the first one %+v", got, loaded)
	}
}

func TestForeignTablesStay(t *testing.T) {
	l := newBlockLab(t)
	l.write(t, "/etc/foreign.nft", `table ip debvisor_blocklist {
	set blocked_ips { type ipv4_addr; flags interval; elements = { 192.0.2.0/24 } }
	chain c {
		type filter hook input priority 5
		ip saddr @blocked_ips drop
	}
}
table inet foreign {
	counter input_ipv4 { packets 7 bytes 77 }
	map m { type ipv4_addr : verdict; elements = { 192.0.2.1 : drop } }
	chain debvisor_blocklist_input {
		type filter hook input priority 6
		ip saddr vmap @m
	}
}
table netdev other {
	chain i { type filter hook ingress device lo priority 0; }
}
`)
	l.nft(t, "-f", "/etc/foreign.nft")
	before := l.foreignTables(t)
	for _, do := range []func() error{
		func() error { return l.table.Load(t.Context(), list(t, tampered)) },
		func() error { return l.table.Update(t.Context(), list(t, tampered), list(t, "192.0.2.0/24")) },
		func() error { return l.table.Load(t.Context(), random(5, 3000, 4)) },
		func() error { return l.table.Remove(t.Context()) },
		func() error { return l.table.Remove(t.Context()) },
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
		if after := l.foreignTables(t); after != before {
			t.Fatalf("the foreign tables are now\n%s\nnot\n%s", after, before)
		}
	}
	if got := l.nft(t, "list", "ruleset"); strings.Contains(got, "inet debvisor_blocklist") {
		t.Errorf("after removing, there is\n%s", got)
	}
	if s, err := l.table.Status(t.Context()); err != nil || s.Present || len(s.Counters)+len(s.Sets) > 0 {
		t.Errorf("the status of nothing is %+v, %v", s, err)
	}
}

func (l *blockLab) foreignTables(t *testing.T) string {
	t.Helper()
	var all []string
	for _, name := range []string{"ip debvisor_blocklist", "inet foreign", "netdev other"} {
		all = append(all, l.nft(t, "-a", "list table "+name))
	}
	return fmt.Sprint(all)
}
