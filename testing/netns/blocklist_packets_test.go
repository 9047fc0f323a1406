package netns

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"debvisor/internal/blocklist/addrset"
	"debvisor/internal/nft"
)

// inbox is what arrived at a port of a namespace, in both families: how many datagrams from each address.
type inbox struct {
	mu   sync.Mutex
	came map[netip.Addr]int
}

func (l *blockLab) inbox(t *testing.T, ns string, port int) *inbox {
	t.Helper()
	var c *net.UDPConn
	var err error
	within(t, ns, func() { c, err = net.ListenUDP("udp", &net.UDPAddr{Port: port}) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	in := &inbox{came: map[netip.Addr]int{}}
	go func() {
		for buf := make([]byte, 64); ; {
			_, from, err := c.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			in.mu.Lock()
			in.came[from.Addr().Unmap()]++
			in.mu.Unlock()
		}
	}()
	return in
}

func (in *inbox) from(a string) int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.came[netip.MustParseAddr(a)]
}

// passes sends a datagram from each source to an address, behind and before one from a source that must not be blocked, and
// returns the sources whose datagrams arrived. The cable keeps the order: when the last has arrived, no other one will.
func (l *blockLab) passes(t *testing.T, in *inbox, sources []string, to, free string) string {
	t.Helper()
	l.arrives(t, in, free, to)
	before := map[string]int{}
	for _, source := range sources {
		before[source] = in.from(source)
		l.post(t, source, to)
	}
	for range 3 {
		l.arrives(t, in, free, to)
	}
	var passed []string
	for _, source := range sources {
		if in.from(source) > before[source] {
			passed = append(passed, source)
		}
	}
	return strings.Join(passed, " ")
}

func (l *blockLab) post(t *testing.T, source, to string) {
	t.Helper()
	if _, err := l.from(t, source).WriteToUDPAddrPort([]byte("x"), netip.AddrPortFrom(netip.MustParseAddr(to), 7)); err != nil {
		t.Fatal(err)
	}
}

func (l *blockLab) arrives(t *testing.T, in *inbox, source, to string) {
	t.Helper()
	before := in.from(source)
	l.post(t, source, to)
	if !until(func() bool { return in.from(source) > before }) {
		t.Fatalf("nothing arrives from %s at %s", source, to)
	}
}

func TestTheBlocklistDropsWhatItMust(t *testing.T) {
	l := newBlockLab(t)
	node, guest := l.inbox(t, l.node, 7), l.inbox(t, l.guest, 7)
	ways := []struct {
		in       *inbox
		to, free string
		sources  []string
	}{
		{node, "10.91.0.1", "10.91.0.2", []string{"10.91.0.66", "10.91.0.80", "10.91.0.81", "10.92.0.2", "10.92.0.66"}},
		{guest, "10.93.0.2", "10.91.0.2", []string{"10.91.0.66", "10.91.0.80", "10.91.0.81", "10.92.0.2", "10.92.0.66"}},
		{node, "fd91::1", "fd91::2", []string{"fd91::66", "fd91::80", "fd91::81", "fd92::2", "fd92::66"}},
		{guest, "fd93::2", "fd91::2", []string{"fd91::66", "fd91::80", "fd91::81", "fd92::2", "fd92::66"}},
	}
	for _, c := range []struct{ name, list, passed4, passed6, counters string }{
		{"nothing", "", "10.91.0.66 10.91.0.80 10.91.0.81 10.92.0.2 10.92.0.66", "fd91::66 fd91::80 fd91::81 fd92::2 fd92::66", ""},
		{"hosts", "10.91.0.66 10.92.0.66 fd91::66 fd92::66", "10.91.0.80 10.91.0.81 10.92.0.2", "fd91::80 fd91::81 fd92::2",
			"input_ipv4=2 input_ipv6=2 forward_ipv4=2 forward_ipv6=2"},
		{"a hole in /8", "10.0.0.0/8 fd00::/8 but 10.91.0.2 10.92.0.2 fd91::2 fd92::2", "10.92.0.2", "fd92::2",
			"input_ipv4=4 input_ipv6=4 forward_ipv4=4 forward_ipv6=4"},
		{"ranges", "10.91.0.66-10.91.0.80 fd91::66-fd91::80", "10.91.0.81 10.92.0.2 10.92.0.66", "fd91::81 fd92::2 fd92::66",
			"input_ipv4=2 input_ipv6=2 forward_ipv4=2 forward_ipv6=2"},
		{"up to the last address", "10.91.0.81-255.255.255.255 fd91::81-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "10.91.0.66 10.91.0.80",
			"fd91::66 fd91::80", "input_ipv4=3 input_ipv6=3 forward_ipv4=3 forward_ipv6=3"},
		{"from the first address", "0.0.0.0-10.91.0.1 10.91.0.66 ::-fd91::1 fd91::66", "10.91.0.80 10.91.0.81 10.92.0.2 10.92.0.66",
			"fd91::80 fd91::81 fd92::2 fd92::66", "input_ipv4=1 input_ipv6=1 forward_ipv4=1 forward_ipv6=1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := l.table.Remove(t.Context()); err != nil {
				t.Fatal(err)
			}
			l.load(t, list(t, c.list))
			for _, w := range ways {
				want := c.passed4
				if strings.Contains(w.to, ":") {
					want = c.passed6
				}
				if got := l.passes(t, w.in, w.sources, w.to, w.free); got != want {
					t.Errorf("%s got through to %s, not %s", got, w.to, want)
				}
			}
			if got := l.packets(t); got != c.counters {
				t.Errorf("the counters are %q, not %q", got, c.counters)
			}
		})
	}
}

func TestTheBlocklistLeavesLoopbackAlone(t *testing.T) {
	l := newBlockLab(t)
	in := l.inbox(t, l.node, 7)
	l.load(t, list(t, "127.0.0.0/8 ::1 10.91.0.1 fd91::1"))
	for _, own := range []string{"127.0.0.1", "::1", "10.91.0.1", "fd91::1"} {
		within(t, l.node, func() {
			c, err := net.Dial("udp", net.JoinHostPort(own, "7"))
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			if _, err := c.Write([]byte("x")); err != nil {
				t.Error(err)
			}
		})
		if !until(func() bool { return in.from(own) == 1 }) {
			t.Errorf("the node does not reach itself at %s", own)
		}
	}
	if got := l.packets(t); got != "" {
		t.Errorf("dropped: %s", got)
	}
}

// The base firewall lets established connections pass; the blocklist comes before it.
func TestBlockingCutsEstablishedConnections(t *testing.T) {
	l := newBlockLab(t)
	l.apply(t, nft.Config{})
	l.listen(t, 22)
	for _, way := range [][2]string{{"10.91.0.66", "10.91.0.1"}, {"fd91::66", "fd91::1"}} {
		for _, blocked := range []string{"10.91.0.66 fd91::66", "10.91.0.64/30 fd91::64/126"} {
			t.Run(way[0]+" "+blocked, func(t *testing.T) {
				l.load(t, list(t, "192.0.2.1"))
				c := l.dialFrom(t, way[0], way[1], 22)
				defer c.Close()
				echo(t, c)
				l.update(t, list(t, "192.0.2.1"), list(t, "192.0.2.1 "+blocked))
				mustBeCut(t, c)
				l.update(t, list(t, "192.0.2.1 "+blocked), list(t, "192.0.2.1"))
				if err := c.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
					t.Errorf("what was sent meanwhile never arrives: the connection broke for another reason: %v", err)
				}
			})
		}
	}
}

// dialFrom connects one of the peer's addresses to a port of the node.
func (l *blockLab) dialFrom(t *testing.T, source, address string, port int) net.Conn {
	t.Helper()
	var c net.Conn
	var err error
	within(t, l.peer, func() {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}, Timeout: patience}
		c, err = d.Dial("tcp", net.JoinHostPort(address, strconv.Itoa(port)))
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// mustBeCut sends a byte that must not come back. That it does come back once the address is free shows what held it.
func mustBeCut(t *testing.T, c net.Conn) {
	t.Helper()
	if err := c.SetDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(make([]byte, 1)); n > 0 || err == nil {
		t.Error("the connection works while its address is blocked")
	}
	if err := c.SetDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
}

// Counters say what was dropped since the table was made, however often the list changes.
func TestCountersSurviveReplacements(t *testing.T) {
	l := newBlockLab(t)
	in := l.inbox(t, l.node, 7)
	lists := []addrset.Set{list(t, "10.91.0.66 192.0.2.0/24"), random(1, 5000, 10).Union(list(t, "10.91.0.66"))}
	for round := range 6 {
		l.load(t, lists[round%2])
		if got := l.passes(t, in, []string{"10.91.0.66"}, "10.91.0.1", "10.91.0.2"); got != "" {
			t.Errorf("%s got through", got)
		}
		if got, want := l.packets(t), fmt.Sprintf("input_ipv4=%d", round+1); got != want {
			t.Fatalf("after %d rounds the counters are %s, not %s", round+1, got, want)
		}
	}
}
