package netns

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"debvisor/internal/blocklist/addrset"
	"debvisor/internal/blocklist/kernel"
)

// blockLab is a lab with a connection to the node's nftables, and a guest behind the node: 10.93.0.2 and fd93::2. The peer
// has the addresses ending in .2, .66 and some more up to .86 in each of its four networks.
type blockLab struct {
	*lab
	table *kernel.Conn
	guest string
}

func newBlockLab(t *testing.T) *blockLab {
	t.Helper()
	l := &blockLab{lab: newLab(t)}
	l.guest = strings.Replace(l.node, "dvn", "dvg", 1)
	run(t, "ip", "netns", "add", l.guest)
	t.Cleanup(func() { run(t, "ip", "netns", "del", l.guest) })
	run(t, "ip", "-n", l.node, "link", "add", "down0", "type", "veth", "peer", "name", "up0", "netns", l.guest)
	for _, c := range [][]string{{l.node, "down0", "1"}, {l.guest, "up0", "2"}} {
		run(t, "ip", "-n", c[0], "addr", "add", "10.93.0."+c[2]+"/24", "dev", c[1])
		run(t, "ip", "-n", c[0], "addr", "add", "fd93::"+c[2]+"/64", "dev", c[1], "nodad")
		run(t, "ip", "-n", c[0], "link", "set", c[1], "up")
	}
	run(t, "ip", "-n", l.peer, "route", "add", "10.93.0.0/24", "via", "10.91.0.1")
	run(t, "ip", "-n", l.peer, "route", "add", "fd93::/64", "via", "fd91::1")
	run(t, "ip", "netns", "exec", l.node, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
	for _, last := range []string{"66", "70", "74", "78", "80", "81", "82", "86"} {
		for _, network := range []string{"10.91.0.", "10.92.0.", "fd91::", "fd92::"} {
			l.address(t, network+last)
		}
	}
	l.neighbours(t)
	l.table = l.connect(t)
	return l
}

// neighbours tells the peer where the node is. It would ask from addresses that are blocked, and get no answer.
func (l *blockLab) neighbours(t *testing.T) {
	t.Helper()
	const card = "02:00:00:00:91:01"
	run(t, "ip", "-n", l.node, "link", "set", "up0", "address", card)
	for _, node := range []string{"10.91.0.1", "fd91::1"} {
		run(t, "ip", "-n", l.peer, "neigh", "replace", node, "lladdr", card, "dev", "up0", "nud", "permanent")
	}
}

// address gives the peer one more address.
func (l *blockLab) address(t *testing.T, a string) {
	t.Helper()
	args := []string{"ip", "-n", l.peer, "addr", "add", a + "/24", "dev", "up0"}
	if strings.Contains(a, ":") {
		args = []string{"ip", "-n", l.peer, "addr", "add", a + "/64", "dev", "up0", "nodad"}
	}
	run(t, args...)
}

// connect opens one more connection to the node's nftables.
func (l *blockLab) connect(t *testing.T, options ...kernel.Option) *kernel.Conn {
	t.Helper()
	var c *kernel.Conn
	var err error
	within(t, l.node, func() { c, err = kernel.Open(options...) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func (l *blockLab) load(t *testing.T, want addrset.Set) {
	t.Helper()
	if err := l.table.Load(t.Context(), want); err != nil {
		t.Fatal(err)
	}
}

func (l *blockLab) update(t *testing.T, from, to addrset.Set) {
	t.Helper()
	if err := l.table.Update(t.Context(), from, to); err != nil {
		t.Fatal(err)
	}
}

// difference is what Inspect finds with each way to look, "" when nothing is wrong.
func (l *blockLab) difference(t *testing.T, c *kernel.Conn, want addrset.Set) string {
	t.Helper()
	d, err := c.Inspect(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	return d.String()
}

func (l *blockLab) mustHold(t *testing.T, want addrset.Set) {
	t.Helper()
	if d := l.difference(t, l.table, want); d != "" {
		t.Fatalf("the table is not as wanted: %s", d)
	}
}

func (l *blockLab) evidence(t *testing.T) kernel.Evidence {
	t.Helper()
	e, err := l.table.Evidence()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// list is the set of the addresses, CIDRs and ranges that are written in the text, without those after "but".
func list(t *testing.T, text string) addrset.Set {
	t.Helper()
	with, without, _ := strings.Cut(text, " but ")
	return read(t, with).Except(read(t, without))
}

func read(t *testing.T, text string) addrset.Set {
	t.Helper()
	var r addrset.Reader
	if err := r.Read("list", strings.NewReader(strings.Join(strings.Fields(text), "\n"))); err != nil {
		t.Fatal(err)
	}
	if first, total := r.Rejected(); total > 0 {
		t.Fatalf("%d entries are no addresses: %v", total, first)
	}
	return r.Set()
}

// random are n ranges between 16.0.0.0 and 223.255.255.255, one in `wide` of them more than one address wide, and some
// hundred in 2001:db8::/32.
func random(seed uint64, n, wide int) addrset.Set {
	r := rand.New(rand.NewPCG(seed, 1))
	var s addrset.Set
	step := uint32(0xd0000000 / uint64(n))
	for i := range uint32(n) {
		first := 0x10000000 + i*step + r.Uint32N(step/4)
		last := first
		if r.IntN(wide) == 0 {
			last += 1 + r.Uint32N(step/2)
		}
		s.V4 = append(s.V4, addrset.Range4{First: first, Last: last})
	}
	for i := range uint64(min(n, 500)) {
		first := addrset.Addr6{Hi: 0x20010db8_00000000 + i, Lo: r.Uint64N(1 << 60)}
		last := first
		if r.IntN(wide) == 0 {
			last.Lo += 1 + r.Uint64N(1<<60)
		}
		s.V6 = append(s.V6, addrset.Range6{First: first, Last: last})
	}
	return s
}

// golden is what nft says about the table without elements; the sizes are those of the two hash sets.
func golden(hosts, hosts6 int) string {
	text := `table inet debvisor_blocklist {
	counter input_ipv4 { packets 0 bytes 0 }
	counter input_ipv6 { packets 0 bytes 0 }
	counter forward_ipv4 { packets 0 bytes 0 }
	counter forward_ipv6 { packets 0 bytes 0 }
	set blocked_hosts { type ipv4_addr; size %d; }
	set blocked_ips { type ipv4_addr; flags interval; }
	set blocked_hosts6 { type ipv6_addr; size %d; }
	set blocked_ips6 { type ipv6_addr; flags interval; }
	chain debvisor_blocklist_input {
		type filter hook input priority -200; policy accept;
		iifname "lo" accept
		ip saddr @blocked_hosts counter name "input_ipv4" drop
		ip saddr @blocked_ips counter name "input_ipv4" drop
		ip6 saddr @blocked_hosts6 counter name "input_ipv6" drop
		ip6 saddr @blocked_ips6 counter name "input_ipv6" drop
	}
	chain debvisor_blocklist_forward {
		type filter hook forward priority -200; policy accept;
		ip saddr @blocked_hosts counter name "forward_ipv4" drop
		ip saddr @blocked_ips counter name "forward_ipv4" drop
		ip6 saddr @blocked_hosts6 counter name "forward_ipv6" drop
		ip6 saddr @blocked_ips6 counter name "forward_ipv6" drop
	}
}`
	return fmt.Sprintf(text, kernel.HostSetSize(hosts), kernel.HostSetSize(hosts6))
}

// mustRead compares the structure of the table, as nft tells it, with the golden text. Objects come in the order in which
// they were made, so the lines are sorted but for those of the chains.
func (l *blockLab) mustRead(t *testing.T, want string) {
	t.Helper()
	got := l.nft(t, "-t", "list", "table", "inet", "debvisor_blocklist")
	if normal(got) != normal(want) {
		t.Fatalf("the table is\n%s\nnot\n%s", normal(got), normal(want))
	}
}

var blocks = regexp.MustCompile(`(counter|set|chain|map|flowtable|quota) [\w ]+ {[^{}]*`)

// normal is one line for each counter, set and chain, sorted.
func normal(text string) string {
	words := strings.Join(strings.Fields(strings.ReplaceAll(text, ";", " ")), " ")
	head, body, _ := strings.Cut(words, "{")
	parts := blocks.FindAllString(body, -1)
	slices.Sort(parts)
	return head + "\n" + strings.Join(parts, "\n")
}

// elements is what nft says that the sets hold: all of it together, and whether each set holds only what belongs there.
func (l *blockLab) elements(t *testing.T) addrset.Set {
	t.Helper()
	var document struct {
		Nftables []struct {
			Set *struct {
				Name string            `json:"name"`
				Elem []json.RawMessage `json:"elem"`
			} `json:"set"`
		} `json:"nftables"`
	}
	if err := json.Unmarshal([]byte(l.nft(t, "-j", "list", "table", "inet", "debvisor_blocklist")), &document); err != nil {
		t.Fatal(err)
	}
	var entries []string
	for _, o := range document.Nftables {
		if o.Set == nil {
			continue
		}
		for _, raw := range o.Set.Elem {
			entry, wide := elementText(t, raw)
			if wide != strings.HasPrefix(o.Set.Name, "blocked_ips") {
				t.Errorf("%s holds %s", o.Set.Name, entry)
			}
			entries = append(entries, entry)
		}
	}
	return read(t, strings.Join(entries, "\n"))
}

func elementText(t *testing.T, raw json.RawMessage) (text string, wide bool) {
	t.Helper()
	if json.Unmarshal(raw, &text) == nil {
		return text, false
	}
	var e struct {
		Range  []string `json:"range"`
		Prefix struct {
			Addr string `json:"addr"`
			Len  int    `json:"len"`
		} `json:"prefix"`
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	if len(e.Range) == 2 {
		return e.Range[0] + "-" + e.Range[1], true
	}
	return fmt.Sprintf("%s/%d", e.Prefix.Addr, e.Prefix.Len), true
}

// packets is the value of each counter that is not zero, as "input_ipv4=3", in the table's order.
func (l *blockLab) packets(t *testing.T) string {
	t.Helper()
	s, err := l.table.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, c := range s.Counters {
		if c.Packets > 0 {
			all = append(all, fmt.Sprintf("%s=%d", c.Name, c.Packets))
		}
	}
	return strings.Join(all, " ")
}

// from opens a socket of the peer that sends datagrams from one of its addresses.
func (l *blockLab) from(t *testing.T, source string) *net.UDPConn {
	t.Helper()
	var c *net.UDPConn
	var err error
	within(t, l.peer, func() {
		c, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(source), 0)))
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}
