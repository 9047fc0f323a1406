package dnspair

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"debvisor/internal/dns"
)

// begun is a pair in its second epoch, of which both are members.
func begun(t *testing.T, arbiter bool) *pair {
	t.Helper()
	p := newPair(t, arbiter)
	p.servers[2].startNamed(t)
	p.servers[0].start(t)
	p.servers[1].start(t)
	p.together(t)
	return p
}

// everything ends a client and looks for what was acknowledged on both servers, and that they are equal.
func (p *pair) everything(t *testing.T, clients ...*client) {
	t.Helper()
	for _, c := range clients {
		if err := c.end(); err != nil {
			t.Error(err, c.complaints())
		}
	}
	p.together(t)
	until(t, 10*time.Second, func() error {
		if a, b := p.serial(t, 1), p.serial(t, 2); a != b || a == 0 {
			return fmt.Errorf("the serials are %d and %d", a, b)
		}
		return nil
	})
	for n := range 2 {
		has := p.servers[n].names(t)
		for _, c := range clients {
			lost, back := 0, 0
			for _, name := range c.acked {
				if !has[name] {
					lost++
				}
			}
			for name := range c.removed {
				if has[name] {
					back++
				}
			}
			if lost+back > 0 {
				t.Errorf("server %d has not %d of the %d acknowledged names, and %d of the %d that were removed", n+1, lost, len(c.acked), back, len(c.removed))
			}
		}
	}
}

// more waits until a client has further acknowledgements, and says how long it had none.
func (c *client) more(t *testing.T) time.Duration {
	t.Helper()
	had := c.count()
	until(t, 30*time.Second, func() error {
		if c.count() < had+5 {
			return fmt.Errorf("%d acknowledgements, and no more; the client says %s", had, lastOf(c.complaints()))
		}
		return nil
	})
	return c.longest()
}

func lastOf(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], "; ")
}

// event is something that befalls a server, and how it ends.
type event struct {
	name       string
	begin, end func(*testing.T, *server)
}

var events = []event{
	{"named is killed", func(t *testing.T, s *server) { s.killNamed(t) }, func(t *testing.T, s *server) { s.startNamed(t) }},
	{"the node is killed", func(t *testing.T, s *server) { s.kill(t) }, func(t *testing.T, s *server) { s.start(t) }},
	{"the link is cut", func(t *testing.T, s *server) { s.cut(t) }, func(t *testing.T, s *server) { s.whole(t) }},
	{"the watcher is killed", func(t *testing.T, s *server) { s.killDaemon(t) }, func(t *testing.T, s *server) { s.startDaemon(t) }},
	{"named hangs", func(t *testing.T, s *server) { s.stall(t) }, func(t *testing.T, s *server) { s.goOn(t) }},
}

func repetitions() int {
	if os.Getenv("DEBVISOR_E2E_DNS") == "1" {
		return 20
	}
	return 1
}

// Each event befalls the one that writes, lasts until the other has gone on, and ends.
func TestNothingIsLostWhateverHappensToTheWriter(t *testing.T) {
	p := begun(t, true)
	c := p.client(t, "r")
	for range repetitions() {
		for _, e := range events {
			w := p.together(t)
			s := p.servers[number(w)-1]
			t.Logf("before: %s without acknowledgement", c.more(t))
			e.begin(t, s)
			out := c.more(t)
			e.end(t, s)
			p.together(t)
			t.Logf("%s at the writer: %s without acknowledgement; on return %s; then %s", e.name, out, c.more(t), p.record(t, 1))
		}
	}
	p.everything(t, c)
}

// number is the writer's, or 0 when nobody was seen to be it.
func number(w dns.Writer) int {
	if !w.Writer.IsValid() {
		return 0
	}
	return int(w.Writer.As4()[3]) - 10
}

// Two events in every order, at the same or at different servers, overlapping or not.
func TestNothingIsLostInAnyOrderOfTwoEvents(t *testing.T) {
	p := begun(t, true)
	c := p.client(t, "r")
	rounds := 6
	if repetitions() > 1 {
		rounds = 1000
	}
	random := rand.New(rand.NewPCG(uint64(len(events)), 1))
	orders := random.Perm(len(events) * len(events) * 4)
	for _, n := range orders[:min(rounds, len(orders))] {
		first, second := events[n%len(events)], events[n/len(events)%len(events)]
		a := p.servers[0]
		b := p.servers[n/len(events)/len(events)%2]
		overlap := n/len(events)/len(events)/2 == 0
		if a == b && overlap {
			b = p.servers[1] // one server cannot be killed twice
		}
		p.together(t)
		c.more(t)
		first.begin(t, a)
		time.Sleep(time.Duration(random.IntN(3000)) * time.Millisecond)
		if !overlap {
			first.end(t, a)
			time.Sleep(time.Duration(random.IntN(1000)) * time.Millisecond)
		}
		second.begin(t, b)
		time.Sleep(time.Duration(random.IntN(3000)) * time.Millisecond)
		if overlap {
			first.end(t, a)
		}
		time.Sleep(time.Duration(random.IntN(1000)) * time.Millisecond)
		second.end(t, b)
		p.together(t)
		c.more(t)
		t.Logf("%s at server %d, then %s at server %d (overlapping: %v): %s", first.name, a.n, second.name, b.n, overlap, p.record(t, 1))
	}
	p.everything(t, c)
}

// Handing over and back, under updates: the type of the zone changes, the serial never goes back, nothing is lost.
func TestHandingOverLosesNothing(t *testing.T) {
	p := begun(t, true)
	c, d := p.client(t, "r"), p.client(t, "s")
	serial := p.serial(t, 1)
	for n := range 4 * repetitions() {
		w := p.together(t)
		s := p.servers[number(w)-1]
		c.more(t)
		d.more(t)
		start := time.Now()
		if out, err := s.run(p.binary, "dns", "handover"); err != nil {
			t.Fatal(out, err)
		}
		took := time.Since(start)
		t.Logf("hand-over %d took %s; %s without acknowledgement", n, took.Round(time.Millisecond), max(c.more(t), d.more(t)))
		until(t, 5*time.Second, func() error { return s.tracks("-254") })
		if out, err := s.run(p.binary, "dns", "handover", "--return"); err != nil {
			t.Fatal(out, err)
		}
		after := p.together(t)
		if after.Writer == w.Writer {
			t.Errorf("after handing over %s writes", after.Writer)
		}
		now := p.serial(t, number(after))
		if int32(now-serial) < 0 {
			t.Errorf("the serial went back from %d to %d", serial, now)
		}
		serial = now
	}
	p.everything(t, c, d)
}

// At full speed the type of the zone changes on two running servers, and file and journal stay what named has in memory: also
// after both were killed.
func TestAChangeOfTypeKeepsFileAndJournal(t *testing.T) {
	p := begun(t, true)
	var clients []*client
	for n := range 6 {
		clients = append(clients, p.client(t, fmt.Sprintf("fast%d-", n)))
	}
	for range 3 * repetitions() {
		clients[0].more(t)
		if out, err := p.servers[number(p.together(t))-1].run(p.binary, "dns", "handover"); err != nil {
			t.Fatal(out, err)
		}
	}
	clients[0].more(t)
	var all int
	for _, c := range clients {
		if err := c.end(); err != nil {
			t.Error(err, c.complaints())
		}
		all += len(c.acked)
	}
	serial := p.serial(t, 1)
	for _, s := range p.servers[:2] {
		s.kill(t)
	}
	for _, s := range p.servers[:2] {
		s.start(t)
	}
	p.everything(t, clients...)
	if now := p.serial(t, 1); int32(now-serial) < 0 {
		t.Errorf("the serial went back from %d to %d", serial, now)
	}
	t.Logf("%d acknowledged and kept", all)
}

// What a writer accepted that nobody acknowledged is set aside when it returns, and nothing else is.
func TestWhatOnlyOneServerHadIsSetAside(t *testing.T) {
	p := begun(t, true)
	c := p.client(t, "r")
	c.more(t)
	w := p.servers[0]
	w.kill(t)
	c.more(t)
	w.start(t)
	p.together(t)
	if text, err := w.run("sh", "-c", "cat /var/lib/debvisor/dns/unconfirmed-*.zone"); err == nil && strings.Contains(text, "\nr0.") {
		t.Errorf("after a crash this was set aside:\n%s", text)
	}
	p.everything(t, c)

	w = p.servers[number(p.together(t))-1]
	w.cut(t)
	lonely := "server 10.94.0." + strconv.Itoa(10+w.n) + "\nzone debvisor.local\nupdate add lonely.debvisor.local 300 A 10.2.0.1\nsend\n"
	cmd := w.command("nsupdate", "-k", "/etc/debvisor/dns.update.key")
	cmd.Stdin = lonely
	if _, err := w.runCmd(cmd); err != nil {
		t.Fatal(err)
	}
	other := p.servers[2-w.n]
	until(t, 10*time.Second, func() error {
		if r := p.record(t, other.n); number(r) != other.n {
			return fmt.Errorf("%s writes", r.Writer)
		}
		return nil
	})
	w.whole(t)
	p.together(t)
	until(t, 10*time.Second, func() error {
		text, err := w.run("sh", "-c", "cat /var/lib/debvisor/dns/unconfirmed-*.zone")
		if !strings.Contains(text, "lonely.debvisor.local.") {
			return fmt.Errorf("set aside are %q, %w", text, err)
		}
		if strings.Contains(text, "\nr0.") {
			t.Error("what both have was set aside too")
		}
		return nil
	})
}
