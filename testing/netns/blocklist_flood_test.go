package netns

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"debvisor/internal/blocklist/addrset"
	"debvisor/internal/blocklist/kernel"

	"golang.org/x/sys/unix"
)

// stream is datagrams with ascending numbers from one address of the peer to the node.
type stream struct {
	source, to string
	sent       uint64 // also the number of the next datagram
	came, sum  atomic.Uint64
}

// storm floods the node from listed and from free sources, some thousand datagrams a second from each, but no more than are
// seen to arrive from the free ones: none is lost for want of a buffer, so whatever is lost was dropped by the firewall.
type storm struct {
	streams      []*stream
	listed, free []*stream
	stop         chan struct{}
	done         chan error
}

const stormPort = 9000

// window is how many datagrams of a stream may be on their way: less than any queue between has room for.
const window = 32

// storm begins a flood from sources that are blocked and from some that are not.
func (l *blockLab) storm(t *testing.T, listed, free string) *storm {
	t.Helper()
	s := &storm{stop: make(chan struct{}), done: make(chan error, 1)}
	s.listed, s.free = s.make(listed), s.make(free)
	in := l.sink(t, s)
	senders := make([]*net.UDPConn, len(s.streams))
	for i, one := range s.streams {
		senders[i] = l.from(t, one.source)
	}
	go func() { s.done <- s.send(senders) }()
	t.Cleanup(func() { in.Close() })
	if !until(func() bool { return s.arrived(s.free) > 100 }) {
		t.Fatal("nothing of the flood arrives: the lab is broken")
	}
	return s
}

func (s *storm) make(sources string) []*stream {
	var all []*stream
	for _, source := range strings.Fields(sources) {
		to := "10.91.0.1"
		if strings.Contains(source, ":") {
			to = "fd91::1"
		}
		all = append(all, &stream{source: source, to: to})
	}
	s.streams = append(s.streams, all...)
	return all
}

// sink receives: the first byte of a datagram is the number of its stream.
func (l *blockLab) sink(t *testing.T, s *storm) *net.UDPConn {
	t.Helper()
	var c *net.UDPConn
	var err error
	within(t, l.node, func() { c, err = net.ListenUDP("udp", &net.UDPAddr{Port: stormPort}) })
	if err == nil {
		err = roomFor(c, 8<<20)
	}
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for buf := make([]byte, 64); ; {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			if n == 9 && int(buf[0]) < len(s.streams) {
				one := s.streams[buf[0]]
				one.sum.Add(binary.BigEndian.Uint64(buf[1:]))
				one.came.Add(1)
			}
		}
	}()
	return c
}

// roomFor gives a socket a larger receive buffer than an ordinary user may ask for.
func roomFor(c *net.UDPConn, bytes int) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var set error
	err = raw.Control(func(fd uintptr) { set = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, bytes) })
	return errors.Join(err, set)
}

func (s *storm) send(senders []*net.UDPConn) error {
	for {
		select {
		case <-s.stop:
			return nil
		default:
		}
		if !s.wait() {
			return nil // too many are lost already
		}
		for i, one := range s.streams {
			message := binary.BigEndian.AppendUint64([]byte{byte(i)}, one.sent)
			to := netip.AddrPortFrom(netip.MustParseAddr(one.to), stormPort)
			if _, err := senders[i].WriteToUDPAddrPort(message, to); err != nil {
				return fmt.Errorf("send from %s: %w", one.source, err)
			}
			one.sent++
		}
	}
}

// wait waits until the free datagrams have arrived but for a few.
func (s *storm) wait() bool {
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
		time.Sleep(200 * time.Microsecond)
		ready := true
		for _, one := range s.free {
			ready = ready && one.sent-one.came.Load() < window
		}
		if ready {
			return true
		}
	}
	return false
}

func (s *storm) arrived(streams []*stream) (n uint64) {
	for _, one := range streams {
		n += one.came.Load()
	}
	return n
}

// end stops the flood and says how many datagrams of listed sources got through, how many of free ones were lost, and how
// many of each were sent.
func (s *storm) end(t *testing.T) (through, lost, sent uint64) {
	t.Helper()
	close(s.stop)
	if err := <-s.done; err != nil {
		t.Fatal(err)
	}
	until(func() bool { return s.complete() })
	for _, one := range s.free {
		lost += one.sent - one.came.Load()
		if want := one.sent * (one.sent - 1) / 2; one.came.Load() == one.sent && one.sum.Load() != want {
			t.Errorf("of %s others arrived than were sent", one.source)
		}
	}
	return s.arrived(s.listed), lost, s.streams[0].sent
}

func (s *storm) complete() bool {
	for _, one := range s.free {
		if one.came.Load() < one.sent {
			return false
		}
	}
	return true
}

// calm ends the flood, of which nothing may have leaked and nothing been lost.
func (s *storm) calm(t *testing.T, least uint64, what string) {
	t.Helper()
	through, lost, sent := s.end(t)
	t.Logf("%d datagrams of each source, during %s", sent, what)
	if through > 0 || lost > 0 {
		t.Errorf("%d datagrams of listed sources got through and %d of free ones were lost, of %d each, during %s", through, lost, sent, what)
	}
	if sent < least {
		t.Errorf("%d datagrams during %s prove little", sent, what)
	}
}

// The sources of the floods: .66 is a host in both lists, .70 in a range of both, .74 a host in the first and in a range
// of the second, .78 the other way round. .2, .82 and .86 are in no list, the last one between ranges.
const (
	stormListed = "10.91.0.66 10.91.0.70 10.91.0.74 10.91.0.78 fd91::66 fd91::70 fd91::74 fd91::78"
	stormFree   = "10.91.0.2 10.91.0.82 10.91.0.86 fd91::2 fd91::86"
)

// stormLists are two lists of about n ranges, one in `wide` of them more than one address wide. Eight of nine single
// addresses are in both; the ranges differ.
func stormLists(t *testing.T, n, wide int) [2]addrset.Set {
	t.Helper()
	var lists [2]addrset.Set
	common := random(1, n, wide)
	for i, r := range common.V4 {
		for j := range lists {
			if single := r.First == r.Last; single && i%9 != j || !single && i%2 == j {
				lists[j].V4 = append(lists[j].V4, r)
			}
		}
	}
	for j, own := range []string{"%s66 %[1]s69-%[1]s70 %[1]s74 %[1]s77-%[1]s78 %[1]s84-%[1]s85", "%s66 %[1]s70-%[1]s71 %[1]s74-%[1]s75 %[1]s78 %[1]s87-%[1]s88"} {
		lists[j].V6 = common.V6
		lists[j] = lists[j].Union(list(t, fmt.Sprintf(own, "10.91.0.")+" "+fmt.Sprintf(own, "fd91::")))
	}
	return lists
}

func TestReplacingTheListThousandTimesLeaksNothing(t *testing.T) {
	l := newBlockLab(t)
	lists := stormLists(t, 12500, 6)
	l.load(t, lists[1])
	s := l.storm(t, stormListed, stormFree)
	const times = 1000
	for i := range times {
		l.load(t, lists[i%2])
	}
	s.calm(t, times, fmt.Sprintf("%d replacements of %d ranges", times, len(lists[0].V4)))
	l.mustHold(t, lists[1])
}

func TestReplacingALargeListLeaksNothing(t *testing.T) {
	l := newBlockLab(t)
	lists := stormLists(t, 830000, 10)
	l.load(t, lists[1])
	s := l.storm(t, stormListed, stormFree)
	for i := range 5 {
		l.load(t, lists[i%2])
	}
	s.calm(t, 500, fmt.Sprintf("5 replacements of %d ranges", len(lists[0].V4)))
	l.mustHold(t, lists[0])
}

// Lists that have nothing in common do not fit beside each other in the sets.
func TestReplacingTheListByAnotherLeaksNothing(t *testing.T) {
	l := newBlockLab(t)
	lists := stormLists(t, 10000, 6)
	lists[1] = random(2, 20000, 6).Union(stormLists(t, 10, 6)[1])
	l.load(t, lists[0])
	s := l.storm(t, stormListed, stormFree)
	for i := range 20 {
		l.load(t, lists[(i+1)%2])
	}
	s.calm(t, 200, "20 replacements of a list by another")
	l.mustHold(t, lists[0])
}

func TestUpdatingTheListLeaksNothing(t *testing.T) {
	l := newBlockLab(t)
	lists := stormLists(t, 3000, 3)
	l.load(t, lists[0])
	s := l.storm(t, stormListed, stormFree)
	const times = 500
	for i := range times {
		l.update(t, lists[i%2], lists[(i+1)%2])
	}
	s.calm(t, times, fmt.Sprintf("%d updates", times))
	l.mustHold(t, lists[0])
}

// The floods see a leak where there is one: this is how a list is usually replaced.
func TestTheFloodFindsTheLeaksOfDeletingTheTable(t *testing.T) {
	l := newBlockLab(t)
	lists := stormLists(t, 250000, 2)
	l.load(t, lists[0])
	text := strings.Replace(l.nft(t, "-t", "list", "table", "inet", "debvisor_blocklist"), "size ", "size 1", 1)
	l.write(t, "/etc/wrong.nft", "table inet debvisor_blocklist { }\ndelete table inet debvisor_blocklist\n"+text+elementsText(lists[0]))
	s := l.storm(t, stormListed, stormFree)
	for range 3 {
		l.nft(t, "-f", "/etc/wrong.nft")
	}
	through, lost, sent := s.end(t)
	t.Logf("%d of %d datagrams of listed sources got through", through, sent*uint64(len(s.listed)))
	if through == 0 || lost > 0 {
		t.Errorf("%d datagrams of listed sources got through and %d of free ones were lost, of %d each", through, lost, sent)
	}
}

// elementsText is the list as nft reads it.
func elementsText(s addrset.Set) string {
	var b strings.Builder
	for _, set := range []struct {
		name         string
		wide, family bool
	}{{"blocked_hosts", false, true}, {"blocked_ips", true, true}, {"blocked_hosts6", false, false}, {"blocked_ips6", true, false}} {
		fmt.Fprintf(&b, "add element inet debvisor_blocklist %s {\n", set.name)
		for text := range kernel.Split(s).Ranges() {
			if strings.Contains(text, ".") == set.family && strings.ContainsAny(text, "-/") == set.wide {
				b.WriteString(text + ",\n")
			}
		}
		b.WriteString("}\n")
	}
	return b.String()
}
