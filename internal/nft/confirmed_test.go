package nft

import (
	"errors"
	"strings"
	"testing"

	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
)

// textOf is the confirmed text that a rollback would load.
func (n *node) textOf() string {
	n.t.Helper()
	c, err := readConfirmed(n.Host)
	if err != nil {
		n.t.Fatal(err)
	}
	return c.Text
}

func (n *node) inForce() string {
	n.t.Helper()
	s, err := ReadStatus(n.t.Context(), n.Host, noon)
	if err != nil {
		n.t.Fatal(err)
	}
	return s.InForce
}

// The operator's files are edited, even broken, at the worst of times: before a trial, and during it.
func TestARollbackLoadsWhatWasLoadedBeforeAndNotTheFiles(t *testing.T) {
	for _, name := range []string{LocalPath, DropInDir + "/20-dns.conf", "/etc/nftables/more.nft"} {
		n, before := newNode(t), config("10.0.0.0/8")
		n.put("/etc/nftables/more.nft", "# nested, as loaded\n")
		n.put(LocalPath, "# local, as loaded\ninclude \"/etc/nftables/more.nft\"\n")
		n.put(DropInDir+"/20-dns.conf", "# drop-in, as loaded\n")
		n.apply(n.plan(before, Options{}))
		good := n.loaded
		n.put(name, "# edited\n")
		n.apply(n.plan(config("10.1.0.0/16"), twoMinutes))
		if !strings.Contains(n.loaded, "# edited\n") {
			t.Errorf("%s: on trial without what was edited:\n%s", name, n.loaded)
		}
		n.put(name, "mistake\n")
		n.fire()
		if n.loaded != good || strings.Count(good, "as loaded\n") != 3 {
			t.Errorf("%s: loaded\n%s", name, n.loaded)
		}
		n.expect(InForceConfirmed, before, 0)
	}
}

func TestAnEditedFileGoesOnTrial(t *testing.T) {
	n, same := newNode(t), config("10.0.0.0/8")
	n.apply(n.plan(same, Options{}))
	n.put(LocalPath, "# edited\n")
	n.apply(n.plan(same, twoMinutes))
	n.expect(InForceTrial, same, 1)
	if left := n.plan(same, twoMinutes); len(left) > 0 {
		t.Errorf("a trial that waits leaves\n%s", hosttest.Lines(left))
	}
	n.confirm()
	n.expect(InForceFiles, same, 0)
	if !strings.Contains(n.textOf(), "# edited\n") {
		t.Errorf("confirmed:\n%s", n.textOf())
	}
	n.kernel = "" // somebody flushed everything
	n.apply(n.plan(same, twoMinutes))
	n.expect(InForceFiles, same, 0)
}

// A load by hand is for good, and so is the first one after a boot.
func TestALoadIsWhatARollbackGoesBackTo(t *testing.T) {
	n, same := newNode(t), config("10.0.0.0/8")
	n.apply(n.plan(same, Options{}))
	n.apply([]host.Change{host.Remove{Path: confirmedPath}})
	n.kernel = ""
	n.put(LocalPath, "# edited\n")
	if err := Load(t.Context(), n.Host); err != nil {
		t.Fatal(err)
	}
	good := n.loaded
	n.apply(n.plan(config("10.1.0.0/16"), twoMinutes))
	n.fire()
	if n.loaded != good || !strings.Contains(good, "# edited\n") {
		t.Errorf("loaded\n%s", n.loaded)
	}
	n.expect(InForceFiles, same, 0)
}

func TestTheFirstTrialGoesBackToWhatWasThere(t *testing.T) {
	n := newNode(t)
	n.apply(n.plan(config("10.1.0.0/16"), twoMinutes))
	n.fire()
	if n.kernel != "" || n.inForce() != InForceNothing {
		t.Errorf("where there was no firewall: %s", n.kernel)
	}
	n = newNode(t)
	n.kernel = "table inet debvisor {\n\tchain loaded {\n\t\taccept comment \"older\"\n\t}\n}\n"
	n.apply(n.plan(config("10.1.0.0/16"), twoMinutes))
	n.fire()
	if !strings.HasSuffix(n.loaded, "delete table inet debvisor\n"+n.kernel) || !strings.Contains(n.kernel, "older") {
		t.Errorf("where there was another one, loaded\n%s", n.loaded)
	}
	if changed, err := Rollback(t.Context(), n.Host); changed || err != nil {
		t.Errorf("rolled back twice: %t, %v", changed, err)
	}
}

// Docker's table was there before, so it stays; one that only the trial made would go on without it.
func TestATableOfTheTrialEndsWithIt(t *testing.T) {
	n := newNode(t)
	n.apply(n.plan(Config{}, Options{}))
	n.put(DropInDir+"/30-own.conf", "table inet own { }\nadd table own6\ntable ip nat {\n}\n")
	n.apply(n.plan(Config{}, twoMinutes))
	n.fire()
	const gone = "add table inet own\ndelete table inet own\nadd table ip own6\ndelete table ip own6\n"
	if got, _, _ := strings.Cut(n.loaded, "#!"); got != gone {
		t.Errorf("got %q", got)
	}
}

func TestRulesOnTrialDoNotStayWhenNobodyKnowsTheOldOnes(t *testing.T) {
	for record, want := range map[string]string{"{": "the ruleset without " + LocalPath, `{"digest": "x", "text": "mistake"}`: "a mistake"} {
		n, before := newNode(t), config("10.0.0.0/8")
		n.apply(n.plan(before, Options{}))
		n.apply(n.plan(config("10.1.0.0/16"), twoMinutes))
		n.put(confirmedPath, record)
		changed, err := Rollback(t.Context(), n.Host)
		if !changed || !errors.Is(err, ErrFallback) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %t, %v", changed, err)
		}
		n.expect(InForceFallback, before, 0)
		if changed, err := Rollback(t.Context(), n.Host); changed || err != nil {
			t.Errorf("rolled back twice: %t, %v", changed, err)
		}
	}
	n := newNode(t)
	n.apply(n.plan(Config{}, Options{}))
	n.apply(n.plan(config("10.1.0.0/16"), twoMinutes))
	n.apply([]host.Change{host.Remove{Path: confirmedPath}})
	if _, _, err := PlanChange(t.Context(), n.Host, config("10.2.0.0/16"), twoMinutes); err == nil || !strings.Contains(err.Error(), "nothing says what was in force before") {
		t.Errorf("a second trial: %v", err)
	}
	if _, err := Rollback(t.Context(), n.Host); !errors.Is(err, ErrFallback) {
		t.Errorf("got %v", err)
	}
}

// A rollback by somebody who did not wait for the lock.
func TestAConfirmationLooksAgainAtTheEnd(t *testing.T) {
	n := newNode(t)
	n.apply(n.plan(config("10.0.0.0/8"), Options{}))
	n.apply(n.plan(config("10.1.0.0/16"), twoMinutes))
	changes, err := PlanConfirm(t.Context(), n.Host)
	if err != nil {
		t.Fatal(err)
	}
	n.kernel = ""
	if err := n.Apply(t.Context(), changes); !errors.Is(err, ErrNoTrial) {
		t.Errorf("got %v", err)
	}
}

func TestFilesThatIncludeEachOtherEnd(t *testing.T) {
	n := newNode(t)
	n.put(LocalPath, "include \""+LocalPath+"\"\n")
	if _, err := Plan(t.Context(), n.Host, Config{}); err == nil || !strings.Contains(err.Error(), "without an end") {
		t.Errorf("got %v", err)
	}
}
