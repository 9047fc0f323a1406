package firstboot

import (
	"errors"
	"strings"
	"testing"

	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
)

const (
	siteLine  = "/usr/bin/ansible-playbook --inventory localhost, --connection local " + sitePlaybook
	siteCheck = "/usr/bin/ansible-playbook --inventory localhost, --connection local --check " + sitePlaybook
)

func TestThePlaybookIsAppliedWhereItHasSomethingToDo(t *testing.T) {
	m := hosttest.New(t, "-- usr/bin/ansible-playbook --\n-- "+sitePlaybook[1:]+" --\n")
	n := node{Host: m.Host}
	m.Runner.Answer(siteCheck, "PLAY RECAP ***\nlocalhost                  : ok=5    changed=2    unreachable=0    failed=0\n")
	m.Runner.Do(siteLine, func(host.Cmd) {
		m.Runner.Answer(siteCheck, "PLAY RECAP ***\nlocalhost                  : ok=5    changed=0    unreachable=0    failed=0\n")
	})
	changes, err := n.site(t.Context())
	if got := hosttest.Lines(changes); err != nil || !strings.Contains(got, "2 tasks have something to do: "+siteLine) {
		t.Fatalf("planned %s, %v", got, err)
	}
	if err := m.Apply(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
	if changes, err := n.site(t.Context()); err != nil || len(changes) > 0 {
		t.Errorf("planned again: %s, %v", hosttest.Lines(changes), err)
	}
}

func TestAPlaybookThatFailsOrSaysNothingFailsTheStep(t *testing.T) {
	m := hosttest.New(t, "-- usr/bin/ansible-playbook --\n-- "+sitePlaybook[1:]+" --\n")
	n := node{Host: m.Host}
	m.Runner.Answer(siteCheck, "nothing of the kind\n")
	if _, err := n.site(t.Context()); err == nil || !strings.Contains(err.Error(), "does not say") {
		t.Errorf("without a recap: %v", err)
	}
	m.Runner.Fail(siteCheck, errors.New("exit status 2"))
	if _, err := n.site(t.Context()); err == nil || !strings.Contains(err.Error(), "exit status 2") {
		t.Errorf("a failure: %v", err)
	}
}

func TestWithoutAnsibleThereIsNoPlaybook(t *testing.T) {
	if changes, err := (node{Host: hosttest.New(t, "").Host}).site(t.Context()); err != nil || len(changes) > 0 {
		t.Errorf("planned %v, %v", changes, err)
	}
}
