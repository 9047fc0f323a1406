package nft

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
	"debvisor/internal/names"
)

// node has a kernel that knows the digest of what was loaded and the names of its sets, and a systemd that keeps timers.
type node struct {
	*host.Host
	t       *testing.T
	kernel  string   // as nft -t list prints it
	loaded  string   // what nft was given last
	timers  []string // that are armed
	clients string   // as ss prints them
	noTool  bool     // the debvisor on this node is too old
}

func newNode(t *testing.T) *node {
	n := &node{Host: hosttest.New(t, "-- run/systemd/system/ --\n").Host, t: t}
	n.Runner = n
	return n
}

// Run implements host.Runner.
func (n *node) Run(_ context.Context, c host.Cmd) ([]byte, error) {
	line := c.String()
	switch {
	case line == "nft -t list ruleset inet":
		return []byte(n.kernel), nil
	case line == "nft -s list table inet debvisor":
		return []byte(n.kernel), nil
	case line == "nft list tables":
		return []byte("table inet debvisor\ntable ip nat\n"), nil
	case line == "nft -c -f -" || line == "nft -f -":
		return nil, n.nft(c)
	case c.Args[0] == "ss":
		return []byte(n.clients), nil
	case c.Args[0] == "systemd-run":
		return nil, n.arm(c)
	case strings.HasPrefix(line, "systemctl list-units"):
		var b strings.Builder
		for _, name := range n.timers {
			fmt.Fprintf(&b, "%s.timer loaded active waiting Bring the firewall back\n", name)
		}
		return []byte(b.String()), nil
	case strings.HasPrefix(line, "systemctl stop "):
		n.timers = slices.DeleteFunc(n.timers, func(name string) bool { return name+".timer" == c.Args[2] })
		return nil, nil
	case c.Args[0] == names.Debvisor && !n.noTool:
		return nil, nil
	}
	return nil, fmt.Errorf("run %s: this node has no such command", line)
}

func (n *node) arm(c host.Cmd) error {
	for _, a := range c.Args {
		if name, found := strings.CutPrefix(a, "--unit="); found {
			if slices.Contains(n.timers, name) {
				return fmt.Errorf("%s exists", name)
			}
			n.timers = append(n.timers, name)
		}
	}
	return nil
}

// nft refuses a text that holds "mistake", also in a file that it includes.
func (n *node) nft(c host.Cmd) error {
	whole := c.Stdin
	for line := range strings.Lines(c.Stdin) {
		var path string
		if _, err := fmt.Sscanf(line, "include %q", &path); err == nil && !strings.Contains(path, "*") {
			data, err := n.ReadFile(path)
			if err != nil {
				return err
			}
			whole += string(data)
		}
	}
	if strings.Contains(whole, "mistake") {
		return errors.New("a mistake")
	}
	if c.Args[1] == "-f" {
		n.loaded = c.Stdin
		_, comment, found := strings.Cut(whole, "accept comment ")
		comment, _, _ = strings.Cut(comment, "\n")
		if !found {
			n.kernel = ""
			return nil
		}
		n.kernel = "table inet debvisor {\n\tchain loaded {\n\t\taccept comment " + comment + "\n\t}\n}\n"
	}
	return nil
}

func (n *node) fire() {
	n.t.Helper()
	if len(n.timers) == 0 {
		n.t.Fatal("no timer is armed")
	}
	n.timers = n.timers[1:]
	if _, err := Rollback(n.t.Context(), n.Host); err != nil {
		n.t.Error(err)
	}
}

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

var twoMinutes = Options{Confirm: 2 * time.Minute, Now: noon}

func (n *node) plan(c Config, o Options) []host.Change {
	n.t.Helper()
	changes, _, err := PlanChange(n.t.Context(), n.Host, c, o)
	if err != nil {
		n.t.Fatal(err)
	}
	return changes
}

func (n *node) apply(changes []host.Change) {
	n.t.Helper()
	if err := n.Apply(n.t.Context(), changes); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) put(path, text string) {
	n.t.Helper()
	n.apply([]host.Change{host.Write{Path: path, After: text, Mode: 0o644}})
}

func (n *node) confirm() {
	n.t.Helper()
	changes, err := PlanConfirm(n.t.Context(), n.Host)
	if err != nil {
		n.t.Fatal(err)
	}
	n.apply(changes)
}

// expect holds what is in force, the base on disk and the number of armed timers against what they should be.
func (n *node) expect(inForce string, disk Config, armed int) {
	n.t.Helper()
	s, err := ReadStatus(n.t.Context(), n.Host, noon)
	if err != nil || s.InForce != inForce {
		n.t.Errorf("in force: %+v, %v; want %s", s, err, inForce)
	}
	if base, err := n.ReadFile(BasePath); err != nil || string(base) != Base(disk) {
		n.t.Errorf("%s has other rules: %v", BasePath, err)
	}
	if len(n.timers) != armed {
		n.t.Errorf("armed: %q, want %d", n.timers, armed)
	}
	if n.Exists(TrialPath) != (inForce == InForceTrial) {
		n.t.Errorf("there is a record of a trial: %t", n.Exists(TrialPath))
	}
}

func TestATrialIsInForceButNotInTheFiles(t *testing.T) {
	n, before, after := newNode(t), config("10.0.0.0/8"), config("10.1.0.0/16")
	n.apply(n.plan(before, Options{}))
	changes := n.plan(after, twoMinutes)
	const want = `check the ruleset: nft -c -f -
run systemd-run --quiet --collect --unit=debvisor-firewall-rollback-1 '--description=Bring the confirmed firewall back' --on-active=119000ms --timer-property=AccuracySec=100ms --property=Restart=on-failure --property=RestartSec=2 --property=RestartPreventExitStatus=4 /usr/local/bin/debvisor firewall rollback
create /run/debvisor-firewall/trial.json (0600)
load the ruleset on trial
`
	if got, _, _ := strings.Cut(hosttest.Lines(changes), "record in "); got != want {
		t.Errorf("got\n%s", got)
	}
	n.apply(changes)
	n.expect(InForceTrial, before, 1)
	if left := n.plan(after, twoMinutes); len(left) > 0 {
		t.Errorf("a trial that waits leaves\n%s", hosttest.Lines(left))
	}
	n.confirm()
	n.expect(InForceFiles, after, 0)
	if left := n.plan(after, twoMinutes); len(left) > 0 {
		t.Errorf("after it was confirmed\n%s is left", hosttest.Lines(left))
	}
	if left, err := PlanConfirmed(t.Context(), n.Host, after); err != nil || len(left) > 0 {
		t.Errorf("confirmed again: %v, %v", left, err)
	}
	log, err := n.ReadFile("/var/log/debvisor/audit.log")
	if err != nil || strings.Count(string(log), "\n") != 2 || !strings.Contains(string(log), `","action":"firewall confirm","ruleset":"sha256:`) {
		t.Errorf("%v, the log has\n%s", err, log)
	}
}

func TestWhatNobodyConfirmsIsTakenBack(t *testing.T) {
	n, before, after := newNode(t), config("10.0.0.0/8"), config("10.1.0.0/16")
	n.apply(n.plan(before, Options{}))
	n.apply(n.plan(after, twoMinutes))
	n.fire()
	n.expect(InForceFiles, before, 0)
	if _, err := PlanConfirm(t.Context(), n.Host); !errors.Is(err, ErrNoTrial) {
		t.Errorf("confirmed too late: %v", err)
	}
	if _, err := PlanConfirmed(t.Context(), n.Host, after); !errors.Is(err, ErrNoTrial) {
		t.Errorf("confirmed too late: %v", err)
	}
	if changed, err := Rollback(t.Context(), n.Host); changed || err != nil {
		t.Errorf("rolled back twice: %t, %v", changed, err)
	}
}

// A second trial takes the place of the first; the rules that come back are still those that were confirmed.
func TestASecondTrialReplacesTheFirst(t *testing.T) {
	n, before := newNode(t), config("10.0.0.0/8")
	n.apply(n.plan(before, Options{}))
	n.apply(n.plan(config("10.1.0.0/16"), twoMinutes))
	n.apply(n.plan(config("10.2.0.0/16"), twoMinutes))
	n.expect(InForceTrial, before, 1)
	if n.timers[0] != "debvisor-firewall-rollback-2" {
		t.Errorf("armed: %q", n.timers)
	}
	if _, err := PlanConfirmed(t.Context(), n.Host, config("10.1.0.0/16")); !errors.Is(err, ErrNoTrial) {
		t.Errorf("the first was confirmed in the place of the second: %v", err)
	}
	n.fire()
	n.expect(InForceFiles, before, 0)
	n.apply(n.plan(config("10.1.0.0/16"), twoMinutes))
	n.apply(n.plan(before, twoMinutes)) // what the files say needs no trial
	n.expect(InForceFiles, before, 0)
	n.apply(n.plan(config("10.1.0.0/16"), twoMinutes))
	n.apply(n.plan(config("10.1.0.0/16"), Options{}))
	n.expect(InForceFiles, config("10.1.0.0/16"), 0)
}

// Cut off between any two changes, the old rules are in force or a timer brings them back; and the next run is as good as
// an uninterrupted one.
func TestATrialThatWasCutOffNeverStays(t *testing.T) {
	before, after := config("10.0.0.0/8"), config("10.1.0.0/16")
	for _, first := range []Config{before, config("10.2.0.0/16")} { // without and with an older trial
		for cut := 0; cut <= 7; cut++ {
			n := newNode(t)
			n.apply(n.plan(before, Options{}))
			n.apply(n.plan(first, twoMinutes))
			changes := n.plan(after, twoMinutes)
			n.apply(changes[:min(cut, len(changes))])
			if s, err := ReadStatus(t.Context(), n.Host, noon); err != nil || s.InForce != InForceFiles && len(n.timers) == 0 {
				t.Fatalf("cut off after %d changes nobody will bring the old rules back: %+v, %v", cut, s, err)
			}
			if cut%2 == 0 { // the next run comes first
				n.apply(n.plan(after, twoMinutes))
				n.expect(InForceTrial, before, 1)
			}
			for len(n.timers) > 0 {
				n.fire()
			}
			n.expect(InForceFiles, before, 0)
		}
	}
}

func TestAConfirmationThatWasCutOffIsFinished(t *testing.T) {
	before, after := config("10.0.0.0/8"), config("10.1.0.0/16")
	for cut := range 6 {
		for _, fired := range []bool{false, true} {
			n := newNode(t)
			n.apply(n.plan(before, Options{}))
			n.apply(n.plan(after, twoMinutes))
			changes, err := PlanConfirm(t.Context(), n.Host)
			if err != nil || len(changes) != 6 { // record of what is confirmed, file, timer, record of the trial, log, look
				t.Fatalf("%v, the plan is\n%s", err, hosttest.Lines(changes))
			}
			n.apply(changes[:cut])
			if fired && len(n.timers) > 0 {
				n.fire()
			}
			if fired && cut == 0 {
				n.expect(InForceFiles, before, 0)
				continue
			}
			rest, err := PlanConfirmed(t.Context(), n.Host, after)
			if err != nil {
				t.Fatalf("after %d changes: %v", cut, err)
			}
			n.apply(rest)
			n.expect(InForceFiles, after, 0)
		}
	}
}

func TestAnExplicitLoadEndsATrial(t *testing.T) {
	n, before := newNode(t), config("10.0.0.0/8")
	n.apply(n.plan(before, Options{}))
	n.apply(n.plan(config("10.1.0.0/16"), twoMinutes))
	if err := Load(t.Context(), n.Host); err != nil {
		t.Fatal(err)
	}
	n.expect(InForceFiles, before, 0)
}

func TestABadRulesetArmsNothing(t *testing.T) {
	n := newNode(t)
	n.apply(n.plan(config("10.0.0.0/8"), Options{}))
	n.put(LocalPath, "mistake\n")
	if err := n.Apply(t.Context(), n.plan(config("10.1.0.0/16"), twoMinutes)); err == nil {
		t.Error("no error")
	}
	if len(n.timers) > 0 || n.Exists(TrialPath) {
		t.Errorf("armed: %q", n.timers)
	}
}

func TestWithoutAWayBackThereIsNoTrial(t *testing.T) {
	n := newNode(t)
	n.noTool = true
	if _, _, err := PlanChange(t.Context(), n.Host, Config{}, twoMinutes); err == nil || !strings.Contains(err.Error(), "update it") {
		t.Errorf("with an old program: %v", err)
	}
	n.apply([]host.Change{host.Remove{Path: "/run/systemd/system"}})
	if _, _, err := PlanChange(t.Context(), n.Host, Config{}, twoMinutes); err == nil || !strings.Contains(err.Error(), "systemd does not run here") {
		t.Errorf("without systemd: %v", err)
	}
	n.apply(n.plan(Config{}, Options{}))
	n.expect(InForceFiles, Config{}, 0)
}

func TestStatusCountsTheTimeThatIsLeft(t *testing.T) {
	n := newNode(t)
	n.apply(n.plan(config("10.0.0.0/8"), Options{}))
	n.apply(n.plan(config("10.1.0.0/16"), twoMinutes))
	want := Status{InForce: InForceTrial, Pending: true, ConfirmBy: noon.Add(2 * time.Minute), SecondsLeft: 80, Armed: true}
	if got, err := ReadStatus(t.Context(), n.Host, noon.Add(40*time.Second)); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	n.timers = nil
	if got, err := ReadStatus(t.Context(), n.Host, noon); err != nil || got.Armed {
		t.Errorf("without a timer: %+v, %v", got, err)
	}
	n.put(TrialPath, "{")
	if _, err := ReadTrial(n.Host); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a damaged record: %v", err)
	}
}
