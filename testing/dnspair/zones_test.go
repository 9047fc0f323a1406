package dnspair

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"debvisor/internal/dns"
	"debvisor/internal/dns/named"
)

const reverse = "1.10.in-addr.arpa"

// withReverse has a pair take up a reverse zone, and waits until both are members of it.
func (p *pair) withReverse(t *testing.T) {
	t.Helper()
	for i, s := range p.servers[:2] {
		set := settings(i+1, true)
		set.Zones = append(set.Zones, dns.Zone{Name: reverse})
		if i == 0 {
			text := "$TTL 300\n@ SOA ns1.debvisor.local. a.debvisor.local. 1 60 15 1209600 30\n@ NS ns1.debvisor.local.\n"
			if err := os.WriteFile(s.root+named.ZoneFile(reverse), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		s.converge(t, set)
	}
	p.bothHaveReverse(t)
}

// bothHaveReverse waits until both are members of the reverse zone, and returns who writes to it.
func (p *pair) bothHaveReverse(t *testing.T) (w dns.Writer) {
	t.Helper()
	until(t, 20*time.Second, func() error {
		var last dns.Writer
		for n := 1; n <= 2; n++ {
			said := p.dig(t, n, dns.WriterLabel+"."+reverse, "TXT")
			var err error
			if w, err = dns.ParseWriter(strings.Trim(said, `"`)); err != nil || len(w.Members) != 2 || n == 2 && !w.Equal(last) {
				return fmt.Errorf("server %d says %q", n, said)
			}
			last = w
		}
		return nil
	})
	return w
}

// pointers are the addresses of the reverse zone that lead somewhere, as one server has them.
func (s *server) pointers(t *testing.T) map[string]bool {
	t.Helper()
	out, err := s.run("dig", "+noall", "+answer", "-k", "/etc/bind/tsig-debvisor.conf", "@"+addr(s.n).String(), "AXFR", reverse)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for line := range strings.Lines(out) {
		if f := strings.Fields(line); len(f) > 4 && f[3] == "PTR" {
			found[strings.TrimSuffix(f[4], "."+zone+".")] = true
		}
	}
	return found
}

// Each zone is decided by itself: two can have different writers, and an update of both is done when each has it.
func TestTwoZonesMayHaveDifferentWriters(t *testing.T) {
	t.Parallel()
	p := begun(t, true)
	p.withReverse(t)
	c := p.client(t, "ptr")
	c.more(t)
	b := p.servers[1]
	until(t, time.Minute, func() error { // load may move either
		b = p.servers[2-number(p.together(t))]
		if out, err := b.run(b.binary, "dns", "promote", reverse, "--force"); err != nil {
			return fmt.Errorf("%s %w", out, err)
		}
		if names, addresses := p.together(t), p.bothHaveReverse(t); names.Writer == addresses.Writer {
			return fmt.Errorf("names and addresses are written by %s", names.Writer)
		}
		return nil
	})
	t.Logf("two writers: %s without acknowledgement", c.more(t))
	for _, s := range p.servers[:2] {
		s.kill(t)
		t.Logf("server %d is gone: %s without acknowledgement", s.n, c.more(t))
		s.start(t)
		p.together(t)
		p.bothHaveReverse(t)
	}
	p.everything(t, c)
	for _, s := range p.servers[:2] {
		has := s.pointers(t)
		for _, name := range c.acked {
			if !has[name] {
				t.Errorf("on server %d no address leads to %s", s.n, name)
			}
		}
		for name := range c.removed {
			if has[name] {
				t.Errorf("on server %d an address leads to %s, which was removed", s.n, name)
			}
		}
	}
}

// A writer whose disk is full refuses updates and loses none that was acknowledged.
func TestAFullDiskLosesNothing(t *testing.T) {
	t.Parallel()
	p := newPair(t, true)
	a := p.servers[0]
	small(t, a.root+named.ZoneDir)
	p.servers[2].startNamed(t)
	a.start(t)
	p.servers[1].start(t)
	p.together(t)
	c := p.client(t, "r")
	c.more(t)
	if out, err := a.run("sh", "-c", "dd if=/dev/zero of=/var/lib/bind/filler bs=1k || test -s /var/lib/bind/filler"); err != nil {
		t.Fatal(out, err)
	}
	had := c.count()
	time.Sleep(5 * time.Second)
	w := p.record(t, 2)
	t.Logf("with a full disk %d updates were acknowledged in 5 s; server %d writes; the client says %s", c.count()-had, number(w), lastOf(c.complaints()))
	if number(w) == a.n {
		p.refusesWhenFull(t, a)
	}
	a.kill(t) // for the one with the full disk it is enough that the other goes on
	t.Logf("it is gone: %s without acknowledgement", c.more(t))
	if out, err := a.run("rm", "/var/lib/bind/filler"); err != nil {
		t.Fatal(out, err)
	}
	a.start(t)
	p.together(t)
	c.more(t)
	p.everything(t, c)
}

// refusesWhenFull: a writer with a full disk says no to an update, and still answers. When the other one took over meanwhile,
// the update went on to it.
func (p *pair) refusesWhenFull(t *testing.T, a *server) {
	t.Helper()
	cmd := a.command("nsupdate", "-t", "5", "-k", "/etc/debvisor/dns.update.key")
	cmd.Stdin = "server " + addr(a.n).String() + "\nzone " + zone + "\nupdate add full." + zone + " 300 A 10.2.0.7\nsend\n"
	out, err := a.runCmd(cmd)
	said := fmt.Sprint(out, err)
	if refused := strings.Contains(said, "SERVFAIL") || strings.Contains(said, "REFUSED"); !refused && number(p.record(t, 2)) == a.n {
		t.Errorf("with a full disk an update is answered by %s", said)
	}
	if p.serial(t, a.n) == 0 {
		t.Error("with a full disk it does not answer")
	}
}

// small makes a directory a file system of one megabyte that has what was in it.
func small(t *testing.T, dir string) {
	t.Helper()
	run(t, "sh", "-c", `cp -a "$1" "$1.was" && mount -t tmpfs -o size=1m,mode=755 tmpfs "$1" && cp -a "$1.was/." "$1"`, "sh", dir)
	t.Cleanup(func() { run(t, "umount", "--lazy", dir) })
}
