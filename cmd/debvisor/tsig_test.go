package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"debvisor/internal/dns/update"
	"debvisor/internal/exit"
	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
	"debvisor/internal/tsig"
)

// ansibleAt remembers how a playbook was run, and says some lines.
type ansibleAt struct {
	said []string
	fail error
	ran  host.Cmd
}

func (a *ansibleAt) Run(_ context.Context, c host.Cmd) ([]byte, error) {
	a.ran = c
	for _, line := range a.said {
		c.Line(line)
	}
	return nil, a.fail
}

// In the caller's directory there may be an ansible.cfg, and what that names runs as the account of the rotation.
func TestARotationTakesNothingOfTheCallersDirectory(t *testing.T) {
	m, a := hosttest.New(t, "-- etc/passwd --\n"), &ansibleAt{}
	m.Host.Runner = a
	if err := rotate(t.Context(), m.Host, true, func(string) {}); err != nil {
		t.Fatal(err)
	}
	if env := strings.Join(a.ran.Env, " "); a.ran.Dir != "/" || !strings.Contains(env, "ANSIBLE_CONFIG=/usr/share/debvisor/ansible/ansible.cfg") {
		t.Errorf("it ran in %q with %s", a.ran.Dir, env)
	}
	if _, err := os.Stat("../../config/overlay" + ansibleConfig); err != nil {
		t.Error(err)
	}
}

// Another rotation is no failure of this one: systemd does not start it again and again.
func TestAHeldLeaseIsARefusal(t *testing.T) {
	m, a := hosttest.New(t, "-- etc/passwd --\n"), &ansibleAt{fail: errors.New("exit status 2")}
	m.Host.Runner = a
	a.said = []string{`fatal: [a]: FAILED! => {"msg": "another rotation is under way: b holds the lease until 2026-11-24T12:00:00Z"}`}
	if err := refused(rotate(t.Context(), m.Host, false, func(string) {})); exit.Code(err) != exit.Refused {
		t.Errorf("got %v, exit code %d", err, exit.Code(err))
	}
	a.said = []string{"fatal: [a]: UNREACHABLE!"}
	if err := refused(rotate(t.Context(), m.Host, false, func(string) {})); exit.Code(err) != exit.Failed {
		t.Errorf("got %v, exit code %d", err, exit.Code(err))
	}
	unit, err := os.ReadFile("../../config/overlay/etc/systemd/system/tsig-rotate.service")
	if err != nil || !strings.Contains(string(unit), fmt.Sprintf("\nSuccessExitStatus=%d\n", exit.Refused)) {
		t.Errorf("the unit fails with it: %v", err)
	}
}

// A failure costs a day. What is due is decided by the age of the keys.
func TestTheTimerComesEachDay(t *testing.T) {
	timer, err := os.ReadFile("../../config/overlay/etc/systemd/system/tsig-rotate.timer")
	for _, line := range []string{"OnCalendar=daily", "Persistent=yes", "RandomizedDelaySec=6h"} {
		if err != nil || !strings.Contains(string(timer), "\n"+line+"\n") {
			t.Errorf("no %s: %v", line, err)
		}
	}
}

// What a node may rotate by itself: its own keys, never those of a fleet that it is a client of.
func TestANodeAloneRotatesItsOwnKeysAlone(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: others ask the node command by sudo")
	}
	own, foreign := tsig.New(tsig.Node, 2026112401), tsig.New(tsig.Node, 2026112501)
	file := func(f host.File) string { return "-- " + strings.TrimPrefix(f.Path, "/") + " --\n" + f.Content }
	ready := "-- usr/bin/ansible-playbook --\n-- " + strings.TrimPrefix(rotatePlaybook, "/") + " --\n"
	server := file(tsig.ServerFile(tsig.Node, []tsig.Key{own}))
	for _, c := range []struct{ archive, want string }{
		{"", "no /usr/bin/ansible-playbook"},
		{ready + server + file(tsig.ClientFile(own)), ""},
		{ready + server + file(tsig.ClientFile(foreign)), "signs with debvisor-node-2026112501"},
		{ready + file(tsig.ClientFile(foreign)), "has no keys"},
		{ready + server + file(tsig.ClientFile(foreign)) + "-- etc/debvisor/ansible/inventory.yml --\n", ""},
		{ready + server + file(tsig.ClientFile(own)) + "-- etc/debvisor/dns-server.json --\n" + `{"self": "10.0.0.1", "zones": []}` + "\n", ""},
		{ready + server + file(tsig.ClientFile(own)) + "-- etc/debvisor/dns-server.json --\n" + `{"self": "10.0.0.1", "peer": "10.0.0.2", "zones": []}` + "\n", "one of several"},
	} {
		m := hosttest.New(t, c.archive)
		if why, err := notHere(t.Context(), m.Host); err != nil || (why == "") != (c.want == "") || !strings.Contains(why, c.want) {
			t.Errorf("%s: %q, %v", c.archive, why, err)
		}
	}
}

// One lost packet does not stop a rotation; a key that is refused does, at once.
func TestAProofIsTriedAgain(t *testing.T) {
	unknown := &update.KeyError{}
	for _, c := range []struct {
		end   time.Time
		tries []error
		want  error
	}{
		{time.Now().Add(time.Minute), []error{update.ErrSilent, &update.RcodeError{}, nil}, nil},
		{time.Now().Add(time.Minute), []error{update.ErrSilent, unknown}, unknown},
		{time.Now(), []error{update.ErrSilent}, update.ErrSilent},
	} {
		asked := 0
		err := tryUntil(t.Context(), c.end, func() error { asked++; return c.tries[asked-1] })
		if !errors.Is(err, c.want) || asked != len(c.tries) {
			t.Errorf("%v: got %v after %d of them", c.tries, err, asked)
		}
	}
}

// A step that waits for the network is in nobody's way.
func TestLooksTakeNoLock(t *testing.T) {
	for _, verb := range []string{"facts", "prove"} {
		c, _, err := root().Find([]string{"tsig", verb})
		if err != nil {
			t.Fatal(err)
		}
		lock, err := tsig.Lock(t.Context(), host.New())
		if err != nil {
			t.Skipf("needs root: %v", err)
		}
		ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
		c.SetContext(ctx)
		if err := c.Flags().Parse([]string{"--as=client", "--serial=1", "--json"}[map[string]int{"facts": 2}[verb]:]); err != nil {
			t.Fatal(err)
		}
		c.SetOut(new(strings.Builder))
		err = c.RunE(c, nil)
		if ctx.Err() != nil || errors.Is(err, host.ErrLocked) {
			t.Errorf("%s waits for the lock: %v", verb, err)
		}
		stop()
		if err := lock.Close(); err != nil {
			t.Error(err)
		}
	}
}
