package dnspair

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"debvisor/internal/dns"
)

const (
	arbiterFile   = "/var/lib/bind/" + dns.ArbiterZone + ".zone"
	arbiterRecord = zone + "." + dns.ArbiterZone
)

// held waits until the arbiter holds the record that the pair has.
func (p *pair) held(t *testing.T) {
	t.Helper()
	until(t, 10*time.Second, func() error {
		if held, w := strings.Trim(p.dig(t, 3, arbiterRecord, "TXT"), `"`), p.record(t, 1); held != w.String() {
			return fmt.Errorf("the arbiter holds %q, and the pair has %q", held, w)
		}
		return nil
	})
}

// over has the other one of the pair take over, and the first come back.
func (p *pair) over(t *testing.T, c *client) {
	t.Helper()
	s := p.servers[number(p.together(t))-1]
	s.kill(t)
	t.Logf("server %d is gone: %s without acknowledgement", s.n, c.more(t))
	s.start(t)
	p.together(t)
}

// An arbiter may die, and come back empty: meanwhile the pair works while both see each other, and nobody goes on alone.
func TestAnArbiterThatComesBackEmptyIsToldAgain(t *testing.T) {
	t.Parallel()
	p := begun(t, true)
	arbiter := p.servers[2]
	c := p.client(t, "r")
	p.over(t, c)
	arbiter.killNamed(t)
	c.more(t)
	w := p.together(t)
	other := p.servers[2-number(w)]
	other.kill(t)
	p.servers[number(w)-1].silent(t)
	until(t, 10*time.Second, func() error {
		had := c.count()
		if time.Sleep(time.Second); c.count() > had {
			return fmt.Errorf("there are acknowledgements with neither the other server nor the arbiter")
		}
		return nil
	})
	if alone := p.record(t, number(w)); !alone.Equal(w) {
		t.Errorf("without the arbiter %q became %q", w, alone)
	}
	if out, err := arbiter.run("sh", "-c", "rm /var/lib/bind/*.jnl"); err != nil {
		t.Fatal(out, err)
	}
	if err := os.WriteFile(arbiter.root+arbiterFile, []byte(arbiterText), 0o644); err != nil {
		t.Fatal(err)
	}
	arbiter.startNamed(t)
	p.servers[number(w)-1].states(t, "the arbiter: nothing yet")
	if alone := p.record(t, number(w)); !alone.Equal(w) {
		t.Errorf("an empty arbiter let a server go on alone: %q", alone)
	}
	other.start(t)
	p.together(t)
	p.held(t)
	p.over(t, c)
	p.everything(t, c)
}

// An arbiter that comes back with what it held before the last changes is told what the pair has, before it is needed.
func TestAnArbiterThatComesBackOldIsToldAgain(t *testing.T) {
	t.Parallel()
	p := begun(t, true)
	p.held(t)
	arbiter := p.servers[2]
	if out, err := arbiter.run("sh", "-c", "rndc sync "+dns.ArbiterZone+" && cp "+arbiterFile+" /var/lib/bind/backup"); err != nil {
		t.Fatal(out, err)
	}
	c := p.client(t, "r")
	p.over(t, c)
	arbiter.killNamed(t)
	if out, err := arbiter.run("sh", "-c", "rm /var/lib/bind/*.jnl && mv /var/lib/bind/backup "+arbiterFile); err != nil {
		t.Fatal(out, err)
	}
	arbiter.startNamed(t)
	p.held(t)
	p.over(t, c)
	p.everything(t, c)
}

// The writer is installed anew and comes up before the other one does. That the arbiter let it write once is no leave to begin
// the zone anew: it waits for who has it.
func TestAWriterWithANewDiskWaitsForTheOtherOne(t *testing.T) {
	t.Parallel()
	p := begun(t, true)
	p.held(t)
	a, b := p.servers[0], p.servers[1]
	until(t, 10*time.Second, func() error { return a.put("precious", "10.2.0.9") })
	a.kill(t)
	b.kill(t)
	if out, err := a.run("sh", "-c", "rm -r /var/lib/bind/* /var/lib/debvisor/*"); err != nil {
		t.Fatal(out, err)
	}
	if err := os.WriteFile(a.root+"/var/lib/bind/debvisor.local.zone", []byte(zoneText), 0o644); err != nil {
		t.Fatal(err)
	}
	a.start(t)
	a.states(t, "the peer silent", "nobody has written yet")
	if w := p.record(t, 1); w.Epoch != 0 {
		t.Errorf("it began the zone anew: %q", w)
	}
	b.start(t)
	p.together(t)
	for _, s := range []*server{a, b} {
		if !s.names(t)["precious"] {
			t.Errorf("server %d lacks what was called done", s.n)
		}
	}
}

// sign sends an update with a key of the server's own.
func (s *server) sign(t *testing.T, key, server, in, lines string) {
	t.Helper()
	cmd := s.command("nsupdate", "-k", key)
	cmd.Stdin = "server " + server + "\nzone " + in + "\n" + lines + "\nsend\n"
	if out, err := s.runCmd(cmd); err != nil {
		t.Fatal(out, err)
	}
}

func says(name, record string) string {
	return fmt.Sprintf("update delete %s TXT\nupdate add %s 1 TXT %q", name, name, record)
}

const lie = "epoch=2000000000 writer=10.94.0.12 members=10.94.0.12"

// An arbiter that lies grants nothing, and is told again what the pair has.
func TestAnArbiterThatLiesDoesNotBreakThePair(t *testing.T) {
	t.Parallel()
	p := begun(t, true)
	c := p.client(t, "r")
	p.held(t)
	w := p.record(t, 1)
	p.servers[1].sign(t, "/etc/bind/tsig-debvisor.conf", "10.94.0.13", dns.ArbiterZone, says(arbiterRecord, lie))
	p.held(t)
	if now := p.together(t); now.Epoch < w.Epoch || now.Epoch > w.Epoch+10 {
		t.Errorf("%q became %q", w, now)
	}
	p.over(t, c)
	p.everything(t, c)
}

// A record of who writes that cannot be believed, or read, is put back by the writer; where that cannot know what it was, it
// waits for an operator, and says so.
func TestARecordOfWhoWritesThatIsBrokenDoesNotBreakThePair(t *testing.T) {
	t.Parallel()
	p := begun(t, true)
	a, b := p.servers[0], p.servers[1]
	c := p.client(t, "r")
	name := dns.WriterLabel + "." + zone
	for _, wrong := range []string{lie, "epoch=9223372036854775808 writer=10.94.0.12 members=10.94.0.12", "nonsense"} {
		c.more(t)
		was := p.together(t)
		s := p.servers[number(was)-1]
		s.sign(t, "/run/named/session.key", addr(s.n).String(), zone, says(name, wrong))
		t.Logf("%q: %s without acknowledgement", wrong, c.more(t))
		if now := p.together(t); now.Epoch < was.Epoch || now.Epoch > was.Epoch+10 {
			t.Errorf("%q became %q", was, now)
		}
	}
	w := p.together(t)
	if number(w) != a.n {
		a, b = b, a
	}
	a.killDaemon(t)
	b.killDaemon(t)
	a.sign(t, "/run/named/session.key", addr(a.n).String(), zone, says(name, lie))
	until(t, 5*time.Second, func() error {
		if !strings.Contains(p.dig(t, b.n, name, "TXT"), lie) {
			return fmt.Errorf("the other one does not have it yet")
		}
		return nil
	})
	a.startDaemon(t)
	b.startDaemon(t)
	a.states(t, "  trouble: the record of who writes cannot be believed")
	until(t, 5*time.Second, func() error {
		if !strings.Contains(a.said(), "debvisor dns promote --force") {
			return fmt.Errorf("an operator is not told")
		}
		return nil
	})
	a.promoted(t)
	if now := p.together(t); number(now) != a.n || now.Epoch > w.Epoch+10_000 {
		t.Errorf("an operator's promotion led to %q", now)
	}
	p.everything(t, c)
}
