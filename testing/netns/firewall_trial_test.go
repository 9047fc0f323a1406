package netns

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"debvisor/internal/host"
	"debvisor/internal/names"
	"debvisor/internal/nft"
)

// withTimers is a node whose systemd only remembers which timers are armed; everything else is real.
type withTimers struct {
	inNode
	armed []string
}

func (r *withTimers) Run(ctx context.Context, c host.Cmd) ([]byte, error) {
	switch {
	case c.Args[0] == "systemd-run":
		for _, a := range c.Args {
			if name, found := strings.CutPrefix(a, "--unit="); found {
				r.armed = append(r.armed, name)
			}
		}
	case c.Args[0] == "systemctl" && c.Args[1] == "list-units":
		return []byte(strings.Join(r.armed, ".timer loaded active waiting\n") + ".timer loaded active waiting\n"), nil
	case c.Args[0] == "systemctl" && c.Args[1] == "stop":
		r.armed = slices.DeleteFunc(r.armed, func(name string) bool { return name+".timer" == c.Args[2] })
	case c.Args[0] != names.Debvisor:
		return r.inNode.Run(ctx, c)
	}
	return nil, nil
}

func newTrialLab(t *testing.T) (*lab, *withTimers) {
	t.Helper()
	l := newLab(t)
	r := &withTimers{inNode: l.Runner.(inNode)}
	l.Runner = r
	if err := l.Apply(t.Context(), []host.Change{host.Mkdir{Path: "/run/systemd/system", Mode: 0o755}}); err != nil {
		t.Fatal(err)
	}
	l.apply(t, management)
	return l, r
}

func (l *lab) try(t *testing.T, c nft.Config) []host.Change {
	t.Helper()
	changes, _, err := nft.PlanChange(t.Context(), l.Host, c, nft.Options{Confirm: time.Minute, Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	return changes
}

// table is the rules and the elements of sets, and in the mark what they were loaded from.
func (l *lab) table(t *testing.T) string {
	t.Helper()
	return l.nft(t, "-s", "list", "table", "inet", "debvisor")
}

func TestRulesOnTrialAreInForceAndGoBack(t *testing.T) {
	l, _ := newTrialLab(t)
	l.listen(t, 22, 80)
	before := l.table(t)
	other := with(nft.Config{Management: networks("10.92.0.0/24")}, tcp("web", 80, 80, "10.91.0.0/24"))
	if err := l.Apply(t.Context(), l.try(t, other)); err != nil {
		t.Fatal(err)
	}
	if got := l.open(t, 22, 80); got != "10.91.0.1:80 10.92.0.1:22" {
		t.Errorf("on trial, open: %s", got)
	}
	if left := l.try(t, other); len(left) > 0 {
		t.Errorf("a trial that waits leaves %v", left)
	}
	if changed, err := nft.Rollback(t.Context(), l.Host); !changed || err != nil {
		t.Errorf("rolled back: %t, %v", changed, err)
	}
	if after := l.table(t); after != before {
		t.Errorf("before\n%s\nafter\n%s", before, after)
	}
	if got := l.open(t, 22, 80); got != "10.91.0.1:22 fd91::1:22" {
		t.Errorf("after the rollback, open: %s", got)
	}
}

func TestConfirmedRulesAreInTheFiles(t *testing.T) {
	l, r := newTrialLab(t)
	other := with(management, tcp("web", 80, 80, "10.92.0.0/24"))
	if err := l.Apply(t.Context(), l.try(t, other)); err != nil {
		t.Fatal(err)
	}
	changes, err := nft.PlanConfirm(t.Context(), l.Host)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Apply(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
	loaded := l.table(t)
	l.nft(t, "flush", "ruleset") // as after a boot
	if err := nft.Load(t.Context(), l.Host); err != nil {
		t.Fatal(err)
	}
	if after := l.table(t); after != loaded || len(r.armed) > 0 {
		t.Errorf("armed: %q; before\n%s\nafter\n%s", r.armed, loaded, after)
	}
	l.apply(t, other)
}

// Whatever a kill leaves, the old rules are in force or a timer will bring them back.
func TestATrialThatIsKilledBetweenAnyTwoChangesDoesNotStay(t *testing.T) {
	l, r := newTrialLab(t)
	before := l.table(t)
	other := with(management, tcp("web", 80, 80, "10.92.0.0/24", "fd92::/64"))
	for cut := range len(l.try(t, other)) + 1 {
		if err := l.Apply(t.Context(), upTo(l.try(t, other), cut)); err != nil {
			t.Fatal(err)
		}
		if l.table(t) != before && len(r.armed) == 0 {
			t.Errorf("killed after %d changes, new rules stay", cut)
		}
		if _, err := nft.Rollback(t.Context(), l.Host); err != nil {
			t.Fatal(err)
		}
		if after := l.table(t); after != before {
			t.Errorf("killed after %d changes, the rollback leaves\n%s", cut, after)
		}
		r.armed = nil
	}
}

// upTo are the first n changes; a directory that an earlier round made is one change less.
func upTo(changes []host.Change, n int) []host.Change { return changes[:min(n, len(changes))] }

// Where nobody knows any more what was confirmed, the node is closed for what was on trial.
func TestALostRecordDoesNotKeepRulesOnTrial(t *testing.T) {
	l, _ := newTrialLab(t)
	l.listen(t, 22, 80)
	if err := l.Apply(t.Context(), l.try(t, with(management, tcp("web", 80, 80)))); err != nil {
		t.Fatal(err)
	}
	l.write(t, "/run/debvisor-firewall/confirmed.json", "{")
	if _, err := nft.Rollback(t.Context(), l.Host); !errors.Is(err, nft.ErrFallback) {
		t.Errorf("got %v", err)
	}
	if got := l.open(t, 22, 80); got != "10.91.0.1:22 fd91::1:22" {
		t.Errorf("open: %s", got)
	}
}

func TestAClientThatIsConnectedIsNotShutOut(t *testing.T) {
	l, _ := newTrialLab(t)
	l.listen(t, 22)
	l.apply(t, nft.Config{})
	for address, client := range map[string]string{"10.91.0.1": ": 10.91.0.2 in none", "fd91::1": ": fd91::2 in none"} {
		var c net.Conn
		if !until(func() (yes bool) {
			var err error
			c, err = l.dial(t, address, 22)
			return err == nil
		}) {
			t.Fatalf("%s does not answer", address)
		}
		_, _, err := nft.PlanChange(t.Context(), l.Host, nft.Config{Management: networks("10.92.0.0/24")}, nft.Options{})
		if !errors.Is(err, nft.ErrLockout) || !strings.Contains(err.Error(), client) {
			t.Errorf("connected to %s: %v", address, err)
		}
		c.Close()
		if !until(func() bool { out := l.established(t); return out == "" }) {
			t.Fatal("the connection does not end")
		}
	}
}

func (l *lab) established(t *testing.T) string {
	t.Helper()
	out, err := l.Run(t.Context(), "ss", "-Htn", "state", "established")
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
