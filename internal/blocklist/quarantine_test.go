package blocklist

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"debvisor/internal/host"
)

// quarantine is the quarantine of an address, as quarantine.yml asks for it.
func (n *node) quarantine(t *testing.T, address, expires string) {
	t.Helper()
	e, err := NewEntry(address, "test", expires, "alex", n.Now)
	if err != nil {
		t.Fatal(err)
	}
	n.KeepLists, n.Quarantine = true, n.Quarantine.Add(e)
	n.converge(t)
}

func (n *node) release(t *testing.T, address string) {
	t.Helper()
	n.KeepLists, n.Quarantine = true, n.Quarantine.Release(netip.MustParseAddr(address))
	n.converge(t)
}

// lists is a run of the role.
func (n *node) lists(t *testing.T) {
	t.Helper()
	n.KeepLists = false
	n.converge(t)
}

func TestAQuarantineWorksOnANodeWithoutLists(t *testing.T) {
	for name, before := range map[string]func(n *node){"the role ran": func(n *node) { n.lists(t) }, "nothing ran": func(*node) {}} {
		n := newNode(t, "")
		before(n)
		n.quarantine(t, "203.0.113.7", "1h")
		n.quarantine(t, "203.0.113.8", "")
		n.lists(t)
		if !n.blocks("203.0.113.7") || !n.blocks("203.0.113.8") {
			t.Errorf("%s: not blocked", name)
		}
		n.Now = n.Now.Add(time.Hour)
		n.KeepLists, n.Quarantine = true, n.Quarantine.At(n.Now)
		n.converge(t)
		n.release(t, "203.0.113.8")
		n.lists(t)
		if n.blocks("203.0.113.7") || n.blocks("203.0.113.8") || n.Exists(QuarantinePath) {
			t.Errorf("%s: still blocked", name)
		}
	}
}

// In an emergency nobody mends a list first.
func TestAQuarantineNeedsNoListsThatCanBeRead(t *testing.T) {
	for name, harm := range map[string]func(n *node){
		"a typo":           func(n *node) { n.write(t, DefaultSource, "nonsense\n") },
		"a list is gone":   func(n *node) { n.remove(t, DefaultSource) },
		"settings gone":    func(n *node) { n.remove(t, SettingsPath) },
		"it locks one out": func(n *node) { n.write(t, DefaultSource, "192.0.2.1\n") },
	} {
		n := newNode(t, list)
		n.lists(t)
		harm(n)
		n.quarantine(t, "203.0.113.99", "")
		if !n.blocks("203.0.113.99") || !n.blocks("10.1.1.1") {
			t.Errorf("%s: blocked %v", name, n.table.list)
		}
		n.release(t, "203.0.113.99")
		if n.blocks("203.0.113.99") || !n.blocks("10.1.1.1") {
			t.Errorf("%s, released: blocked %v", name, n.table.list)
		}
	}
}

func TestAQuarantineDoesNotTakeAnUnknownListOutOfForce(t *testing.T) {
	n := newNode(t, list)
	n.lists(t)
	n.remove(t, ListPath)
	e, err := NewEntry("203.0.113.99", "test", "", "alex", n.Now)
	if err != nil {
		t.Fatal(err)
	}
	n.KeepLists, n.Quarantine = true, n.Quarantine.Add(e)
	if o, err := n.plan(t); err == nil || !strings.Contains(err.Error(), "apply the blocklist role first") || len(o.Changes) > 0 {
		t.Errorf("planned %v, %v", o.Changes, err)
	}
}

func TestAForcedQuarantineLastsUntilItIsReleased(t *testing.T) {
	n := newNode(t, list)
	n.lists(t)
	e, err := NewEntry("198.51.100.9", "test", "", "alex", n.Now)
	if err != nil {
		t.Fatal(err)
	}
	e.Force = true
	n.KeepLists, n.Quarantine = true, n.Quarantine.Add(e)
	n.converge(t)
	n.lists(t) // the role says nothing of it, and the client is still connected
	if !n.blocks("198.51.100.9") {
		t.Error("not blocked")
	}
	n.release(t, "198.51.100.9")
	if n.blocks("198.51.100.9") || strings.Contains(n.read(t, SettingsPath), "198.51.100.9") {
		t.Error("something of it is left")
	}
}

func (n *node) remove(t *testing.T, path string) {
	t.Helper()
	if err := n.Apply(t.Context(), []host.Change{host.Remove{Path: path}}); err != nil {
		t.Fatal(err)
	}
}

func TestQuarantineBlocksWhatIsWhitelistedAndManaged(t *testing.T) {
	n := newNode(t, list)
	n.Whitelists = []string{"/etc/debvisor/allow.txt"}
	n.Managed = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	n.BlockAnyway = n.Managed
	n.converge(t)
	n.BlockAnyway = nil
	n.Sources = nil
	e, err := NewEntry("10.1.2.3", "misbehaves", "24h", "alex", n.Now)
	if err != nil {
		t.Fatal(err)
	}
	n.Quarantine = n.Quarantine.Add(e)
	n.converge(t)
	if !n.blocks("10.1.2.3") {
		t.Error("not blocked")
	}
	want := `{"time":"2026-11-24T12:00:00Z","action":"quarantine","address":"10.1.2.3","reason":"misbehaves","by":"alex","until":"2026-11-25T12:00:00Z"}` + "\n"
	if got := n.read(t, AuditPath); got != want {
		t.Errorf("the record is\n%s", got)
	}
	n.Now = n.Now.Add(24 * time.Hour)
	n.Quarantine = n.Quarantine.At(n.Now)
	n.converge(t)
	if n.blocks("10.1.2.3") || n.Exists(QuarantinePath) || !strings.Contains(n.read(t, AuditPath), `"action":"expire","address":"10.1.2.3"`) {
		t.Errorf("after a day: %s", n.read(t, AuditPath))
	}
}

func TestQuarantineOfAConnectedClientIsRefused(t *testing.T) {
	n := newNode(t, list)
	e, err := NewEntry("198.51.100.9", "oops", "", "alex", n.Now)
	if err != nil {
		t.Fatal(err)
	}
	n.Quarantine = n.Quarantine.Add(e)
	if _, err := n.plan(t); !errors.Is(err, ErrLockout) || !strings.Contains(err.Error(), "quarantine: 198.51.100.9 is an SSH client that is connected now; force it") {
		t.Errorf("plan: %v", err)
	}
}

func TestAskingForTheSameQuarantineAgainKeepsItsTime(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	entry := func(reason, expires string, at time.Time) Entry {
		e, err := NewEntry("203.0.113.7", reason, expires, "alex", at)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	q := Quarantine{}.Add(entry("scan", "24h", now))
	later := now.Add(time.Hour)
	if again := q.Add(entry("scan", "24h", later)); !slices.Equal(again, q) {
		t.Errorf("the same again: %v", again)
	}
	if longer := q.Add(entry("scan", "7d", later)); !longer[0].Until.Equal(later.Add(7 * 24 * time.Hour)) {
		t.Errorf("longer: %v", longer)
	}
	for _, expires := range []string{"soon", "-1h", "0", "2020-01-01T00:00:00Z", "1.5d", "d", "24"} {
		if e, err := NewEntry("203.0.113.7", "scan", expires, "alex", now); err == nil {
			t.Errorf("%q was taken as %v", expires, e.Until)
		}
	}
	for _, address := range []string{"", "203.0.113.0/24", "host", "fe80::1%eth0"} {
		if _, err := NewEntry(address, "scan", "", "alex", now); err == nil {
			t.Errorf("%q was taken as an address", address)
		}
	}
}
