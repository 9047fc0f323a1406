package blocklist

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"debvisor/internal/blocklist/addrset"
	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
)

const list = `
-- etc/debvisor/blocklist.txt --
10.0.0.0/8
203.0.113.7   # a host
2001:db8:bad::/48
-- etc/debvisor/allow.txt --
10.1.2.3
`

func TestAWhitelistedHostIsAHoleInABlockedNetwork(t *testing.T) {
	n := newNode(t, list)
	n.Whitelists = []string{"/etc/debvisor/allow.txt"}
	o := n.converge(t)
	if o.Entries != 4 || o.Added.Sizes().Total() != 4 || !o.Removed.IsEmpty() {
		t.Errorf("entries %d, added %v", o.Entries, o.Added)
	}
	for address, want := range map[string]bool{"10.1.2.3": false, "10.1.2.4": true, "203.0.113.7": true, "203.0.113.8": false, "2001:db8:bad::1": true} {
		if n.blocks(address) != want {
			t.Errorf("%s: blocked is %v", address, !want)
		}
	}
	if conf := n.read(t, ConfPath); !strings.Contains(conf, "\t10.0.0.0-10.1.2.2,\n\t10.1.2.4-10.255.255.255,\n") || !strings.Contains(conf, "\t203.0.113.7,\n") {
		t.Errorf("the file is\n%s", conf)
	}
}

func TestASmallChangeUpdatesTheKernel(t *testing.T) {
	n := newNode(t, list)
	n.converge(t)
	if got := n.table.took(); got != "inspect load" {
		t.Errorf("at first: %s", got)
	}
	n.write(t, DefaultSource, "10.0.0.0/8\n203.0.113.8\n2001:db8:bad::/48\n")
	o := n.converge(t)
	if got := n.table.took(); got != "update" {
		t.Errorf("after a change: %s", got)
	}
	i := slices.IndexFunc(o.Changes, func(c host.Change) bool { _, is := c.(host.Call); return is })
	if i < 0 {
		t.Fatalf("planned %s", hosttest.Lines(o.Changes))
	}
	call := o.Changes[i].(host.Call)
	if call.Before != "203.0.113.7/32\n" || call.After != "203.0.113.8/32\n" {
		t.Errorf("the diff is %+v", call)
	}
}

func TestWhatSomebodyElseChangedIsLookedAtAndMended(t *testing.T) {
	n := newNode(t, list)
	n.converge(t)
	n.table.took()
	n.table.generation++ // somebody changed another table
	n.converge(t)
	if got := n.table.took(); got != "inspect" {
		t.Errorf("another table: %s", got)
	}
	n.table.list = n.table.list.Except(n.table.list)
	n.table.generation++
	n.converge(t)
	if got := n.table.took(); got != "inspect load" || !n.blocks("10.1.1.1") {
		t.Errorf("a flushed set: %s", got)
	}
	n.table.there = false // as after a boot that did not load the file
	n.table.generation = 0
	n.converge(t)
	if got := n.table.took(); got != "inspect load" || !n.blocks("10.1.1.1") {
		t.Errorf("a boot: %s", got)
	}
}

func TestADamagedRecordOfTheLastListIsNoRecord(t *testing.T) {
	for name, damage := range map[string]func(n *node){
		"list":     func(n *node) { n.write(t, ListPath, n.read(t, ListPath)[:20]) },
		"evidence": func(n *node) { n.write(t, evidencePath, "{") },
		"conf":     func(n *node) { n.write(t, ConfPath, "table inet debvisor_blocklist { }\n") },
	} {
		n := newNode(t, list)
		n.converge(t)
		damage(n)
		if o := n.converge(t); len(o.Changes) > 2 {
			t.Errorf("%s: planned %s", name, hosttest.Lines(o.Changes))
		}
		if !n.blocks("10.1.1.1") || !strings.Contains(n.read(t, ConfPath), "\t10.0.0.0-10.255.255.255,\n") {
			t.Errorf("%s: not mended", name)
		}
	}
}

func TestALineThatIsNoAddressChangesNothing(t *testing.T) {
	n := newNode(t, list)
	n.converge(t)
	n.write(t, DefaultSource, "10.0.0.0/8\n999.1.1.1\n10.0.0.0/99\n")
	o, err := n.plan(t)
	var invalid *Invalid
	if !errors.As(err, &invalid) || invalid.Total != 2 || len(o.Changes) > 0 {
		t.Fatalf("planned %v, %v", o.Changes, err)
	}
	for _, part := range []string{`/etc/debvisor/blocklist.txt:2: "999.1.1.1": `, `/etc/debvisor/blocklist.txt:3: "10.0.0.0/99": `} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
	n.SkipInvalid = true
	if o := n.converge(t); len(o.Rejected) != 2 || o.RejectedTotal != 2 || n.blocks("203.0.113.7") || !n.blocks("10.1.1.1") {
		t.Errorf("skipping: %+v", o)
	}
}

func TestAMissingListIsAnErrorOnceSomethingIsBlocked(t *testing.T) {
	n := newNode(t, "")
	n.converge(t)
	if err := n.Apply(t.Context(), []host.Change{host.Write{Path: DefaultSource, After: "10.0.0.0/8\n", Mode: 0o644}}); err != nil {
		t.Fatal(err)
	}
	n.converge(t)
	if err := n.Apply(t.Context(), []host.Change{host.Remove{Path: DefaultSource}}); err != nil {
		t.Fatal(err)
	}
	if _, err := n.plan(t); err == nil || !strings.Contains(err.Error(), "there is no such list") {
		t.Errorf("the default list is gone: %v", err)
	}
	n.Sources = []string{"/etc/debvisor/none.txt"}
	if _, err := n.plan(t); err == nil || !strings.Contains(err.Error(), "/etc/debvisor/none.txt") {
		t.Errorf("a list that is not there: %v", err)
	}
	if !n.blocks("10.1.1.1") {
		t.Error("what was blocked is not any more")
	}
}

func TestAListThatLocksSomebodyOutIsRefused(t *testing.T) {
	for entry, why := range map[string]string{
		"0.0.0.0/0":       "loopback",
		"127.0.0.1":       "loopback",
		"::1":             "loopback",
		"fe80::/64":       "IPv6 neighbour discovery",
		"192.0.2.11":      "an address of this node",
		"2001:db8::/126":  "the default gateway",
		"192.0.2.1":       "the default gateway",
		"198.51.100.0/24": "an SSH client that is connected now",
		"2001:db8:a::9":   "an SSH client that is connected now",
		"172.16.5.5":      "in a management network",
		"172.17.5.5":      "in a management network",
	} {
		n := newNode(t, list)
		n.Management = []netip.Prefix{netip.MustParsePrefix("172.16.0.0/16")}
		n.Managed = []netip.Prefix{netip.MustParsePrefix("172.17.0.0/16")}
		n.write(t, DefaultSource, "203.0.113.0/24\n"+entry+"\n")
		o, err := n.plan(t)
		if !errors.Is(err, ErrLockout) || len(o.Changes) > 0 || !strings.Contains(err.Error(), "/etc/debvisor/blocklist.txt:2: "+entry) || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: planned %v, %v", entry, o.Changes, err)
		}
	}
}

func TestAProtectedAddressIsBlockedWhenItIsNamed(t *testing.T) {
	n := newNode(t, list)
	n.write(t, DefaultSource, "198.51.100.0/24\n192.0.2.1\n203.0.113.80\n")
	n.BlockAnyway = []netip.Prefix{netip.MustParsePrefix("198.51.100.9/32")}
	if _, err := n.plan(t); !errors.Is(err, ErrLockout) || strings.Contains(err.Error(), "198.51.100.9") || !strings.Contains(err.Error(), "192.0.2.1") {
		t.Errorf("with one of two: %v", err)
	}
	n.BlockAnyway = append(n.BlockAnyway, netip.MustParsePrefix("192.0.2.1/32"))
	if o := n.converge(t); !slices.Contains(o.Warnings, "192.0.2.1, which is the default gateway, is blocked because block_anyway says so") {
		t.Errorf("warnings: %q", o.Warnings)
	}
	if !n.blocks("198.51.100.9") || !n.blocks("192.0.2.1") || !n.blocks("203.0.113.80") {
		t.Error("not blocked")
	}
}

func TestListsOfTheControllerAreKeptOnTheNode(t *testing.T) {
	n := newNode(t, list)
	kept := CopiesDir + "/block-feed.txt"
	n.Sources = append(n.Sources, kept)
	n.Texts = Texts{kept: {Name: "files/feed.txt", Content: "198.18.0.1\nnonsense\n"}}
	if o, err := n.plan(t); err == nil || !strings.Contains(err.Error(), `files/feed.txt:2: "nonsense"`) || len(o.Changes) > 0 || n.Exists(kept) {
		t.Fatalf("planned %v, %v", o.Changes, err)
	}
	n.Texts[kept] = Text{Name: "files/feed.txt", Content: "198.18.0.1\n"}
	n.converge(t)
	n.Texts = nil // as the timer does it
	n.converge(t)
	if !n.blocks("198.18.0.1") || !n.Exists(kept) {
		t.Error("the copy is not used")
	}
	n.Sources = []string{DefaultSource}
	n.converge(t)
	if n.blocks("198.18.0.1") || n.Exists(kept) {
		t.Error("the copy outlives the list")
	}
}

// timer is what debvisor-blocklist.timer would do now, by what the files say.
func (n *node) timer(t *testing.T) {
	t.Helper()
	settings, err := ReadSettings(n.Host)
	if err != nil {
		t.Fatal(err)
	}
	q, err := ReadQuarantine(n.Host)
	if err != nil {
		t.Fatal(err)
	}
	o, err := Plan(t.Context(), n.Host, n.table, Desired{Settings: settings, Quarantine: q, Now: n.Now})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Apply(t.Context(), o.Changes); err != nil {
		t.Fatal(err)
	}
}

// Ended between any two changes, the next run finishes; and so does the timer, in between, with what it finds.
func TestARunThatWasCutOffIsFinishedByTheNext(t *testing.T) {
	for cut := 0; ; cut++ {
		n := newNode(t, list)
		n.converge(t)
		n.write(t, DefaultSource, "10.0.0.0/8\n203.0.113.9\n")
		entry, err := NewEntry("203.0.113.99", "test", "1h", "alex", n.Now)
		if err != nil {
			t.Fatal(err)
		}
		n.Quarantine = n.Quarantine.Add(entry)
		feed := CopiesDir + "/block-feed.txt"
		n.Sources, n.Texts = append(n.Sources, feed), Texts{feed: {Name: "feed.txt", Content: "198.18.0.1\n"}}
		o, err := n.plan(t)
		if err != nil {
			t.Fatal(err)
		}
		if cut > len(o.Changes) {
			return
		}
		if err := n.Apply(t.Context(), o.Changes[:cut]); err != nil {
			t.Fatal(err)
		}
		n.timer(t)
		if n.table.blocks("203.0.113.99") && !strings.Contains(n.read(t, AuditPath), "203.0.113.99") {
			t.Error("somebody is cut off without a record")
		}
		n.converge(t)
		if !n.blocks("203.0.113.9") || !n.blocks("203.0.113.99") || !n.blocks("198.18.0.1") || n.blocks("203.0.113.7") {
			t.Errorf("cut off after %d changes, the next run did not finish", cut)
		}
	}
}

// The large files are written before the kernel is changed: a disk that is full shows in time.
func TestAFullDiskChangesNothing(t *testing.T) {
	n := newNode(t, list)
	n.converge(t)
	n.write(t, DefaultSource, "203.0.113.9\n")
	o, err := n.plan(t)
	if err != nil {
		t.Fatal(err)
	}
	lines := hosttest.Lines(o.Changes)
	kernel := strings.Index(lines, "in the kernel\n")
	for _, large := range []string{"write " + ConfPath + ".new\n", "write " + ListPath + ".new\n"} {
		if i := strings.Index(lines, large); i < 0 || i > kernel {
			t.Errorf("planned\n%s", lines)
		}
	}
	if err := n.Apply(t.Context(), o.Changes[:2]); err != nil { // ended before the kernel was changed, and the list set back
		t.Fatal(err)
	}
	n.write(t, DefaultSource, "10.0.0.0/8\n203.0.113.7\n2001:db8:bad::/48\n")
	n.converge(t)
	if n.Exists(ConfPath+".new") || n.Exists(ListPath+".new") {
		t.Error("what was cut off is left")
	}
}

func TestAKernelThatRefusesLeavesTheFilesAlone(t *testing.T) {
	n := newNode(t, list)
	n.converge(t)
	before := n.read(t, ConfPath)
	n.write(t, DefaultSource, "203.0.113.9\n")
	o, err := n.plan(t)
	if err != nil {
		t.Fatal(err)
	}
	n.table.err = errors.New("operation not permitted")
	if err := n.Apply(t.Context(), o.Changes); err == nil || n.read(t, ConfPath) != before {
		t.Errorf("apply: %v", err)
	}
}

func TestAbsentLeavesTheOperatorsListsAlone(t *testing.T) {
	n := newNode(t, list)
	e, err := NewEntry("203.0.113.99", "test", "", "alex", n.Now)
	if err != nil {
		t.Fatal(err)
	}
	n.Quarantine = n.Quarantine.Add(e)
	n.converge(t)
	for range 2 {
		changes, err := Absent(t.Context(), n.Host, n.table, "alex", n.Now)
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Apply(t.Context(), changes); err != nil {
			t.Fatal(err)
		}
	}
	if n.table.there || n.Exists(ConfPath) || n.Exists(SettingsPath) || n.Exists(QuarantinePath) || !n.Exists(DefaultSource) {
		t.Error("something is left, or too much is gone")
	}
	if got := n.read(t, AuditPath); strings.Count(got, `"release"`) != 1 {
		t.Errorf("the record is\n%s", got)
	}
}

// The lists may say something else by the time that somebody wants to know which line it was.
func TestAListThatChangesWhileItIsReadIsRefusedAllTheSame(t *testing.T) {
	n := newNode(t, list)
	protected, err := Protect(t.Context(), n.Host, nil)
	if err != nil {
		t.Fatal(err)
	}
	o := Outcome{base: addrset.Of(netip.MustParsePrefix("192.0.2.1/32"))}
	if err := n.guard(n.Host, &o, n.Sources, nil, protected); !errors.Is(err, ErrLockout) || !strings.Contains(err.Error(), "the lists block 192.0.2.1") {
		t.Errorf("got %v", err)
	}
}

func TestAMissingDefaultListDoesNotHideWhatIsWrong(t *testing.T) {
	n := newNode(t, "-- etc/debvisor/other.txt --\n127.0.0.1\n")
	n.Sources = append(n.Sources, "/etc/debvisor/other.txt")
	if _, err := n.plan(t); !errors.Is(err, ErrLockout) || !strings.Contains(err.Error(), "/etc/debvisor/other.txt:1: 127.0.0.1 blocks 127.0.0.1, which is loopback") {
		t.Errorf("got %v", err)
	}
}

func TestAListIsAFile(t *testing.T) {
	n := newNode(t, "-- etc/debvisor/blocklist.txt/ --\n")
	if _, err := n.plan(t); err == nil || err.Error() != "read /etc/debvisor/blocklist.txt: it is no file" {
		t.Errorf("got %v", err)
	}
}
