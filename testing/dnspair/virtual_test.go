package dnspair

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
)

var vip = netip.AddrFrom4([4]byte{10, 94, 0, 53})

// withVIP is a pair that has a virtual address in its settings. The first server's named leaves it out, as after a mistake in
// listen-on; the second takes what comes.
func withVIP(t *testing.T) *pair {
	t.Helper()
	p := newPair(t, true)
	conf := strings.Replace(namedConf, "listen-on { any; }", "listen-on { !"+vip.String()+"; any; }", 1)
	if err := os.WriteFile(p.servers[0].root+"/etc/bind/named.conf", []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	p.servers[2].startNamed(t)
	for i, s := range p.servers[:2] {
		s.start(t)
		set := settings(i+1, true)
		set.VIP = []netip.Addr{vip}
		s.converge(t, set)
	}
	p.together(t)
	return p
}

func (s *server) address(t *testing.T, what string) {
	t.Helper()
	run(t, "ip", "-n", s.ns, "addr", what, vip.String()+"/32", "dev", "up0")
}

// The server that has the virtual address gives it up when its named does not answer there, although it does elsewhere. Where
// named takes the address up by itself, nothing is done.
func TestAVirtualAddressThatNamedDoesNotTakeGoesToThePeer(t *testing.T) {
	t.Parallel()
	p := withVIP(t)
	a, b := p.servers[0], p.servers[1]
	for _, s := range p.servers[:2] {
		until(t, 10*time.Second, func() error { return s.tracks("0") })
	}
	a.address(t, "add")
	start := time.Now()
	until(t, 30*time.Second, func() error {
		if !strings.Contains(a.said(), "which the peer is to have") {
			return fmt.Errorf("nothing is done about the address")
		}
		return nil
	})
	until(t, 10*time.Second, func() error { return a.tracks("-254") })
	t.Logf("given up %s after it came", time.Since(start).Round(10*time.Millisecond))
	if said := a.said(); strings.Count(said, "is told to look for addresses") != 1 {
		t.Errorf("it was not tried to mend it once: %s", said)
	}
	out, err := a.run(a.binary, "dns", "status")
	if err != nil || !strings.Contains(out, "at the virtual address named does NOT answer") {
		t.Errorf("an operator is told %s %v", out, err)
	}
	a.address(t, "del")
	b.address(t, "add")
	until(t, 5*time.Second, func() error {
		if p.digAt(t, vip, zone, "SOA") == "" {
			return fmt.Errorf("nobody answers at %s", vip)
		}
		return nil
	})
	time.Sleep(4 * time.Second) // longer than an address is given to be taken up
	until(t, 10*time.Second, func() error { return b.tracks("0") })
	if strings.Contains(b.said(), "virtual address") {
		t.Errorf("the other one, where all is well: %s", b.said())
	}
}
