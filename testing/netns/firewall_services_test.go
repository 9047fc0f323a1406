package netns

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"debvisor/internal/nft"
)

func networks(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, s := range texts {
		all = append(all, netip.MustParsePrefix(s))
	}
	return all
}

func tcp(name string, first, last uint16, from ...string) nft.Service {
	return nft.Service{Name: name, Protocol: "tcp", Ports: nft.Ports{First: first, Last: last}, From: networks(from...)}
}

func with(c nft.Config, services ...nft.Service) nft.Config {
	c.Services = services
	return c
}

// froms are networks that a service may be open to, and the node's addresses at which the peer then reaches it: it comes
// from its own address in the same network.
var froms = []struct{ from, open string }{
	{"", "10.91.0.1 10.92.0.1 fd91::1 fd92::1"},
	{"10.92.0.0/24", "10.92.0.1"},
	{"fd92::/64", "fd92::1"},
	{"10.92.0.2/32 10.92.0.0/24 fd91::2/128", "10.92.0.1 fd91::1"},
	{"10.92.0.3/32 fd92::3/128", ""},
	{"0.0.0.0/0", "10.91.0.1 10.92.0.1"},
	{"::/0", "fd91::1 fd92::1"},
}

// All of them are tried at once, each on a port of its own, and again with the next one's networks: sets that are there
// already take others.
func TestServicesAreOpenExactlyAsSaid(t *testing.T) {
	l := newLab(t)
	first := 1000
	var ports []int
	for i := range froms {
		ports = append(ports, first+i)
	}
	l.listen(t, append(ports, 22)...)
	for round := range 2 {
		c := management
		var want []string
		for i := range froms {
			f := froms[(i+round)%len(froms)]
			c.Services = append(c.Services, tcp(fmt.Sprint("s", i), uint16(first+i), uint16(first+i), strings.Fields(f.from)...))
			for _, address := range strings.Fields(f.open) {
				want = append(want, fmt.Sprintf("%s:%d", address, first+i))
			}
		}
		l.apply(t, c)
		got := strings.Fields(l.open(t, append(ports, 22)...))
		slices.Sort(got)
		want = append(want, "10.91.0.1:22", "fd91::1:22")
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("open: %q\nwant  %q", got, want)
		}
	}
	l.apply(t, management)
	if got := l.open(t, ports...); got != "" {
		t.Errorf("without services, open: %s", got)
	}
	if table := l.nft(t, "list", "table", "inet", "debvisor"); strings.Contains(table, "service") {
		t.Errorf("a set of a former service is left:\n%s", table)
	}
}

func TestARangeOfPortsIsOpenToItsEnds(t *testing.T) {
	l := newLab(t)
	l.listen(t, 5899, 5900, 5910, 5911)
	dns := nft.Service{Name: "dns", Protocol: "udp", Ports: nft.Ports{First: 5911, Last: 5911}} // opens no TCP
	l.apply(t, with(management, tcp("vnc", 5900, 5910, "10.91.0.0/24"), dns))
	if got := l.open(t, 5899, 5900, 5910, 5911); got != "10.91.0.1:5900 10.91.0.1:5910" {
		t.Errorf("open: %s", got)
	}
}

func TestAUDPServiceIsOpen(t *testing.T) {
	l := newLab(t)
	count := l.count(t, 5353)
	dns := nft.Service{Name: "dns", Protocol: "udp", Ports: nft.Ports{First: 5353, Last: 5353}, From: networks("10.91.0.0/24")}
	l.apply(t, with(management, dns))
	within(t, l.peer, func() {
		for range 20 {
			sendOne("10.92.0.1:5353")
			sendOne("[fd91::1]:5353")
		}
	})
	if n := count(); n > 0 {
		t.Errorf("%d datagrams came from networks that were not named", n)
	}
	if !until(func() bool { within(t, l.peer, func() { sendOne("10.91.0.1:5353") }); return count() > 0 }) {
		t.Error("no datagram came from the network that was named")
	}
}

// The operator's rules and drop-ins stay beside services, and a service's name does not get in the way of theirs.
func TestServicesAndTheOperatorsRulesGoTogether(t *testing.T) {
	l := newLab(t)
	l.listen(t, 22, 80, 443, 9443)
	l.write(t, nft.LocalPath, "table inet debvisor {\n\tset web { type ipv4_addr; flags interval; elements = { 10.92.0.0/24 }; }\n}\n"+
		"add rule inet debvisor input ip saddr @web tcp dport 443 accept\n")
	l.write(t, nft.DropInDir+"/20-own.conf", "add rule inet debvisor input tcp dport $rpc_port accept\n")
	for range 3 {
		l.apply(t, with(management, tcp("web", 80, 80, "10.91.0.0/24")))
		l.apply(t, with(management, tcp("web", 80, 80, "fd91::/64")))
		if err := nft.Load(t.Context(), l.Host); err != nil {
			t.Fatal(err)
		}
	}
	if got := l.open(t, 80, 443, 9443); got != "10.91.0.1:9443 10.92.0.1:443 10.92.0.1:9443 fd91::1:80 fd91::1:9443 fd92::1:9443" {
		t.Errorf("open: %s", got)
	}
	if n := strings.Count(l.nft(t, "list", "table", "inet", "debvisor"), "dport 443"); n != 1 {
		t.Errorf("the operator's rule is there %d times", n)
	}
}
