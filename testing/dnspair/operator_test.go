package dnspair

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// promoted makes a server the writer by force, as soon as it is one that can be.
func (s *server) promoted(t *testing.T) {
	t.Helper()
	until(t, 15*time.Second, func() error {
		out, err := s.run(s.binary, "dns", "promote", "--all", "--force")
		if err != nil {
			return fmt.Errorf("%s %w", out, err)
		}
		return nil
	})
}

// put registers a name at one server and reports whether that was called done.
func (s *server) put(name, address string, more ...string) error {
	out, err := s.run(append([]string{s.binary, "dns", "update", "add", name, address, "--no-ptr", "--zone", zone, "--server", addr(s.n).String(),
		"--owner", "01234567-89ab-cdef-0123-456789abcdef"}, more...)...)
	if err != nil {
		return fmt.Errorf("%s: %w", strings.TrimSpace(out), err)
	}
	return nil
}

// silent waits until a server finds its peer silent and has decided what that means.
func (s *server) silent(t *testing.T) {
	t.Helper()
	s.states(t, "the peer silent")
}

// states waits until a server says all that of itself.
func (s *server) states(t *testing.T, what ...string) {
	t.Helper()
	until(t, 20*time.Second, func() error {
		out, err := s.run(s.binary, "dns", "status")
		for _, w := range what {
			if err != nil || !strings.Contains(out, w) {
				return fmt.Errorf("%q is not in %s %w", w, out, err)
			}
		}
		return nil
	})
}

// Without an arbiter a writer goes on alone, and the other one only when an operator forces it.
func TestWithoutAnArbiterAnOperatorDecides(t *testing.T) {
	t.Parallel()
	p := begun(t, false)
	c := p.client(t, "r")
	p.servers[1].kill(t)
	t.Logf("the other one is gone: %s without acknowledgement", c.more(t))
	p.servers[1].start(t)
	p.together(t)
	p.servers[0].kill(t)
	p.servers[1].promoted(t)
	t.Logf("the writer is gone and the other is promoted: %s without acknowledgement", c.more(t))
	p.servers[0].start(t)
	if w := p.together(t); number(w) != 2 {
		t.Errorf("after its return %s writes", w.Writer)
	}
	p.everything(t, c)
}

// A silent writer may write alone: without an arbiter and without force the other one does not.
func TestASilentWriterIsNotReplacedByAWord(t *testing.T) {
	t.Parallel()
	p := begun(t, false)
	a, b := p.servers[0], p.servers[1]
	a.cut(t)
	b.silent(t)
	if out, err := b.run(p.binary, "dns", "promote", "--all"); err == nil || !strings.Contains(out+err.Error(), "no arbiter") {
		t.Errorf("promoted: %s %v", out, err)
	}
	until(t, 10*time.Second, func() error { return a.put("alone", "10.2.0.1") })
	a.whole(t)
	p.together(t)
	for _, s := range []*server{a, b} {
		if !s.names(t)["alone"] {
			t.Errorf("server %d lacks what was called done", s.n)
		}
	}
}

// A writer that starts does not know whether the other one was promoted meanwhile.
func TestAWriterThatStartsDoesNotGoOnAlone(t *testing.T) {
	t.Parallel()
	p := begun(t, false)
	a, b := p.servers[0], p.servers[1]
	a.kill(t)
	b.promoted(t)
	a.cut(t)
	a.start(t)
	a.silent(t)
	if err := a.put("twice", "10.2.0.3", "--timeout", "4s"); err == nil {
		t.Error("the writer of before took an update")
	}
	if err := b.put("once", "10.2.0.2"); err != nil {
		t.Error(err)
	}
	a.whole(t)
	if w := p.together(t); number(w) != 2 {
		t.Errorf("afterwards %s writes", w.Writer)
	}
	for _, s := range []*server{a, b} {
		if !s.names(t)["once"] {
			t.Errorf("server %d lacks what was called done", s.n)
		}
	}
}

// Who wrote alone goes on when its named is started again, but not when all of it is: it cannot know that the other one was not
// promoted meanwhile. It says that it waits.
func TestWhoWroteAloneDoesNotGoOnByGuess(t *testing.T) {
	t.Parallel()
	p := begun(t, false)
	a, b := p.servers[0], p.servers[1]
	b.kill(t)
	until(t, 10*time.Second, func() error { return a.put("alone", "10.2.0.1") })
	a.killNamed(t)
	a.startNamed(t)
	until(t, 10*time.Second, func() error { return a.put("again", "10.2.0.2") })
	a.kill(t)
	b.start(t)
	b.promoted(t)
	a.cut(t)
	a.start(t)
	a.silent(t)
	if err := a.put("twice", "10.2.0.3", "--timeout", "4s"); err == nil {
		t.Error("who wrote alone before took an update")
	}
	if out, err := a.run(a.binary, "dns", "status"); err != nil || !strings.Contains(out, "it waits for the peer, the arbiter or an operator") {
		t.Errorf("it says %s %v", out, err)
	}
	if err := b.put("once", "10.2.0.4"); err != nil {
		t.Error(err)
	}
	a.whole(t)
	if w := p.together(t); number(w) != 2 {
		t.Errorf("afterwards %s writes", w.Writer)
	}
	for _, s := range []*server{a, b} {
		if has := s.names(t); !has["once"] || has["twice"] {
			t.Errorf("server %d has %v", s.n, has)
		}
	}
}

// That the addresses were handed over does not count when there is nobody any more who has them.
func TestTheAddressesComeBackWhenTheOtherOneDies(t *testing.T) {
	t.Parallel()
	p := begun(t, true)
	a, b := p.servers[0], p.servers[1]
	if out, err := a.run(p.binary, "dns", "handover"); err != nil {
		t.Fatal(out, err)
	}
	until(t, 5*time.Second, func() error { return a.tracks("-254") })
	b.kill(t)
	until(t, 10*time.Second, func() error { return a.tracks("0") })
	b.start(t)
	p.together(t)
	until(t, 10*time.Second, func() error { return a.tracks("0") })
}

func (s *server) tracks(want string) error {
	got, err := s.run("cat", "/run/debvisor-dns/track")
	if err != nil || strings.TrimSpace(got) != want {
		return fmt.Errorf("keepalived is told %q, %w", got, err)
	}
	return nil
}
