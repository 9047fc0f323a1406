package dnspair

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"debvisor/internal/dns"
	"debvisor/internal/dns/named"
	"debvisor/internal/host"
)

// convergeEnv makes the test's binary one that has named take up the settings that come on its standard input.
const convergeEnv = "DEBVISOR_TEST_DNS_CONVERGE"

func beConverger(in io.Reader) error {
	text, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	h, ctx := host.New(), context.Background()
	lock, err := named.Lock(ctx, h)
	if err != nil {
		return err
	}
	defer lock.Close()
	changes, err := named.PlanFiles(ctx, h, host.File{Path: dns.ServerPath, Content: string(text), Mode: 0o644})
	if err != nil {
		return err
	}
	return h.Apply(ctx, changes)
}

// converge gives a running server other settings, as the module dns_ha does.
func (s *server) converge(t *testing.T, set dns.Server) {
	t.Helper()
	cmd := s.command(os.Args[0])
	text, err := dns.Text(set)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin, cmd.Env = text, []string{convergeEnv + "=1"}
	if out, err := s.runCmd(cmd); err != nil {
		t.Fatal(out, err)
	}
}

// A network is added to a pair that runs: somebody writes to its zone, and nobody loses the addresses or a role for it.
func TestAZoneThatIsAddedIsBegun(t *testing.T) {
	t.Parallel()
	p := begun(t, true)
	before := p.record(t, 1)
	for _, s := range p.servers[:2] {
		until(t, 10*time.Second, func() error { return s.tracks("0") })
	}
	p.withReverse(t)
	for _, s := range p.servers[:2] { // load alone may cost a question or two; a zone that is not there would cost all
		until(t, 5*time.Second, func() error { return s.tracks("0") })
	}
	if after := p.together(t); after.Epoch > before.Epoch+10 {
		t.Errorf("of the zone that was there it was %s and is %s", before, after)
	}
}

// A server alone gets a peer, and then they are a pair.
func TestAServerAloneGetsAPeer(t *testing.T) {
	t.Parallel()
	p := newPair(t, false)
	a, b := p.servers[0], p.servers[1]
	alone := settings(1, false)
	alone.Peer = netip.Addr{}
	text, err := dns.Text(alone)
	if err == nil {
		err = os.WriteFile(a.root+dns.ServerPath, []byte(text), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	a.start(t)
	until(t, 10*time.Second, func() error { return a.put("before", "10.2.0.1") })
	a.converge(t, settings(1, false))
	until(t, 10*time.Second, func() error { return a.put("between", "10.2.0.2") })
	b.start(t)
	p.together(t)
	if err := a.put("after", "10.2.0.3"); err != nil {
		t.Error(err)
	}
	for _, s := range []*server{a, b} {
		if has := s.names(t); !has["before"] || !has["between"] || !has["after"] {
			t.Errorf("server %d has %v", s.n, has)
		}
	}
}

// A server that cannot keep what it wrote does not throw it away, and does not serve it as if nothing were.
func TestWhatCannotBeKeptIsNotThrownAway(t *testing.T) {
	t.Parallel()
	p := begun(t, true)
	a := p.servers[0]
	c := p.client(t, "r")
	c.more(t)
	if out, err := a.run("sh", "-c", "rm -rf /var/lib/debvisor/dns && : > /var/lib/debvisor/dns"); err != nil {
		t.Fatal(out, err)
	}
	a.cut(t)
	c.more(t)
	a.whole(t)
	until(t, 20*time.Second, func() error {
		out, err := a.run(p.binary, "dns", "status")
		if err != nil || !strings.Contains(out, "  trouble: ") {
			return fmt.Errorf("%s %w", out, err)
		}
		return a.tracks("-254")
	})
	if out, err := a.run("rm", "/var/lib/debvisor/dns"); err != nil {
		t.Fatal(out, err)
	}
	p.together(t)
	until(t, 10*time.Second, func() error { return a.tracks("0") })
	p.everything(t, c)
}
