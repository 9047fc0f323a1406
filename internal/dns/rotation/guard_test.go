package rotation

import (
	"errors"
	"strings"
	"testing"
	"time"

	"debvisor/internal/dns"
	"debvisor/internal/host"
	"debvisor/internal/tsig"
)

// A node with BIND that is a client of other servers has keys of its own too, which those do not know.
func TestAClientDoesNotTakeUpKeysThatNobodyWasAskedAbout(t *testing.T) {
	w := newWorld(t, 1)
	first := w.serial(t)
	m := w.machines[0]
	w.must(m.Need(host.Absent{Path: dns.ClientPath}, host.Absent{Path: dns.ServerPath}))(m)
	next := tsig.New(tsig.Node, first+1)
	own, err := tsig.ServerKeys(m.Host)
	if err != nil {
		t.Fatal(err)
	}
	w.must(m.Need(tsig.ServerFile(tsig.Node, append(own[tsig.Node], next))))(m)
	if n, err := w.as(m).ProveClient(t.Context(), []tsig.Key{next}, 0); err != nil || n != 0 {
		t.Errorf("a node alone: %d, %v", n, err)
	}
	fleet := tsig.New(tsig.Node, first)
	w.must(m.Need(tsig.ClientFile(fleet)))(m)
	if _, err := w.as(m).ProveClient(t.Context(), []tsig.Key{next}, 0); !errors.Is(err, ErrUnproven) {
		t.Errorf("got %v", err)
	}
	if _, err := w.as(m).ProveClient(t.Context(), []tsig.Key{tsig.New(tsig.Node, first+2)}, 0); err != nil {
		t.Errorf("a key of the servers that it is a client of: %v", err)
	}
}

// A run that hung while others went on has keys that are overtaken.
func TestAClientDoesNotGoBack(t *testing.T) {
	w := newWorld(t, 1)
	first := w.serial(t)
	m := w.as(w.machines[0])
	if changes, err := m.ActivateClient(Claim{}, []tsig.Key{tsig.New(tsig.Node, first-1)}); err == nil || !strings.Contains(err.Error(), "signs with debvisor-node-") {
		t.Errorf("got %v, %v", changes, err)
	}
	if changes, err := m.ActivateClient(Claim{}, []tsig.Key{tsig.New(tsig.Node, first+1)}); err != nil || len(changes) == 0 {
		t.Errorf("got %v, %v", changes, err)
	}
}

// One machine whose clock was wrong, or that says what is not so, stops nobody.
func TestAGenerationThatCannotBeDoesNotCount(t *testing.T) {
	for _, serial := range []uint32{4294967295, 2099010101} {
		w := newWorld(t, 2)
		first := w.serial(t)
		for _, m := range w.machines { // the first as a client, the second as a server too
			w.must(m.Need(tsig.ClientFile(tsig.New(tsig.VM, serial))))(m)
		}
		own, err := tsig.ServerKeys(w.machines[1].Host)
		if err != nil {
			t.Fatal(err)
		}
		w.must(w.machines[1].Need(tsig.ServerFile(tsig.VM, append(own[tsig.VM], tsig.New(tsig.VM, serial)))))(w.machines[1])
		w.machines[1].load()
		if _, err := w.rotate("a", false); err != nil {
			t.Fatal(err)
		}
		w.broken = nil // nobody had those keys
		w.agree(t, first+1)
	}
}

func TestTheLastGenerationOfTomorrowIsAnError(t *testing.T) {
	w := newWorld(t, 1)
	w.serial(t)
	last := tsig.FirstSerial(w.now.AddDate(0, 0, 1)) + 98
	r := Request{Clients: []Facts{{Client: map[tsig.Role]Key{tsig.VM: keyOf(tsig.New(tsig.VM, last))}}}, Force: true}
	if p, changes, err := w.as(w.machines[0]).Prepare(t.Context(), r); err == nil || len(changes) > 0 {
		t.Errorf("got %v, %v", p.Serial, changes)
	}
}

// The machine that runs the playbook may have any time; the server's own decides when a client cannot use an old key any more.
func TestGraceRunsByTheServersClock(t *testing.T) {
	w := newWorld(t, 1)
	first := w.serial(t)
	m := w.as(w.machines[0])
	w.must(m.ActivateServer(Claim{}, first, time.Time{}))(w.machines[0])
	m.Now = m.Now.Add(time.Hour)
	w.must(m.ActivateServer(Claim{}, first, m.Now))(w.machines[0])
	active, err := tsig.ReadActive(m.Host)
	if err != nil || active.Since.Before(m.Now) || active.Since.After(m.Now.Add(2*time.Second)) {
		t.Errorf("since %s at %s, %v", active.Since, m.Now, err)
	}
	if changes, err := m.ActivateServer(Claim{}, first, time.Time{}); err != nil || len(changes) > 0 {
		t.Errorf("again: %v, %v", changes, err)
	}
	moved := m.Now
	m.Now = m.Now.Add(5 * time.Second) // a slow machine looks at what it has done
	if changes, err := m.ActivateServer(Claim{}, first, moved); err != nil || len(changes) > 0 {
		t.Errorf("again, later: %v, %v", changes, err)
	}
}

// What a server has besides the generation in use goes, older or newer.
func TestOneGenerationIsLeft(t *testing.T) {
	w := newWorld(t, 1)
	first := w.serial(t)
	m := w.as(w.machines[0])
	own, err := tsig.ServerKeys(m.Host)
	if err != nil {
		t.Fatal(err)
	}
	for _, serial := range []uint32{first - 1, first + 7} {
		w.must(m.Need(tsig.ServerFile(tsig.VM, append(own[tsig.VM], tsig.New(tsig.VM, serial)))))(w.machines[0])
		w.must(m.ActivateServer(Claim{}, first, time.Time{}))(w.machines[0])
		later := m
		later.Now = m.Now.Add(grace + 2*time.Second)
		w.must(later.Retire(t.Context(), Claim{}, first, grace))(w.machines[0])
		if left, err := tsig.ServerKeys(m.Host); err != nil || len(left[tsig.VM]) != 1 || left[tsig.VM][0] != own[tsig.VM][0] {
			t.Errorf("%v, %v", left, err)
		}
	}
}

func TestStepsAreInTheLog(t *testing.T) {
	w := newWorld(t, 1)
	w.serial(t)
	if _, err := w.rotate("a", false); err != nil {
		t.Fatal(err)
	}
	if _, err := w.rotate("a", false); err != nil {
		t.Fatal(err)
	}
	log, err := w.machines[0].ReadFile(auditPath)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(string(log)) {
		_, action, _ := strings.Cut(line, `"action":`)
		action, _, _ = strings.Cut(action, ",")
		got = append(got, action)
		if !strings.HasSuffix(line, `,"holder":"a"}`+"\n") || strings.Contains(line, "secret") {
			t.Errorf("got %s", line)
		}
	}
	if all := strings.Join(got, " "); all != `"tsig prepare" "tsig activate" "tsig activate" "tsig retire"` {
		t.Errorf("got %s", all)
	}
}

// A run that was killed while it wrote leaves a copy with secrets, which the next one takes away.
func TestCopiesOfKilledRunsAreRemoved(t *testing.T) {
	w := newWorld(t, 1)
	w.serial(t)
	m := w.machines[0]
	left := []string{"/etc/bind/.tsig-node.conf.tmp-123", "/etc/bind/.tsig-debvisor.conf.tmp-9", "/etc/debvisor/.dns.update.key.tmp-1"}
	for _, name := range left {
		w.must(m.Need(host.File{Path: name, Content: "secret", Mode: 0o600}))(m)
	}
	if _, err := w.rotate("a", false); err != nil {
		t.Fatal(err)
	}
	for _, name := range left {
		if m.Exists(name) {
			t.Errorf("%s is still there", name)
		}
	}
}
