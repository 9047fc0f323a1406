package dnsha

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// late is how long an answer may take to count as one. A client that waits longer has lost more than the question.
const late = 200 * time.Millisecond

// asker asks the virtual address for the zone's SOA, once a millisecond, whatever becomes of the questions before.
type asker struct {
	conn  *net.UDPConn
	stop  chan struct{}
	once  sync.Once
	ended sync.WaitGroup
	mu    sync.Mutex
	sent  []time.Time     // by number, which is the question's id
	took  []time.Duration // until the answer; 0 while there is none
}

// ask begins to ask. The socket is not connected, so that what comes back of lost questions is no error of the next.
func (f *fleet) ask(t *testing.T) *asker {
	t.Helper()
	a := &asker{stop: make(chan struct{})}
	err := f.Do(func() (err error) {
		a.conn, err = net.ListenUDP("udp4", nil)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	a.ended.Go(a.receive)
	a.ended.Go(a.send)
	t.Cleanup(func() { a.end() })
	return a
}

func (a *asker) send() {
	to := net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(vip), 53))
	begin := time.Now()
	for tick := time.NewTicker(time.Millisecond); ; {
		select {
		case <-a.stop:
			tick.Stop()
			return
		case <-tick.C:
		}
		for a.count() < int(time.Since(begin)/time.Millisecond) && a.count() < 1<<16 {
			a.mu.Lock()
			n := len(a.sent)
			a.sent, a.took = append(a.sent, time.Now()), append(a.took, 0)
			a.mu.Unlock()
			_, _ = a.conn.WriteTo(question(uint16(n)), to) // one that cannot be sent is lost, which is what is counted
		}
	}
}

// question asks for the SOA of the zone, without recursion.
func question(id uint16) []byte {
	m := binary.BigEndian.AppendUint16(nil, id)
	m = append(m, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0)
	for label := range strings.SplitSeq(zone, ".") {
		m = append(append(m, byte(len(label))), label...)
	}
	return append(m, 0, 0, 6, 0, 1)
}

// receive takes answers that are authoritative, have no error and hold a record.
func (a *asker) receive() {
	buffer := make([]byte, 1500)
	for {
		size, err := a.conn.Read(buffer)
		if errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		const response, authoritative = 0x80, 0x04
		if err != nil || size < 12 || buffer[2]&(response|authoritative) != response|authoritative || buffer[3]&0x0f != 0 || buffer[7] == 0 {
			continue
		}
		a.mu.Lock()
		if n := int(binary.BigEndian.Uint16(buffer)); n < len(a.sent) && a.took[n] == 0 {
			a.took[n] = time.Since(a.sent[n])
		}
		a.mu.Unlock()
	}
}

func (a *asker) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.sent)
}

// answered reports whether all of the last questions that could have been answered were.
func (a *asker) answered(since time.Time, last int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	end := len(a.sent)
	for end > 0 && time.Since(a.sent[end-1]) < late {
		end--
	}
	if end < last || a.sent[end-last].Before(since) {
		return false
	}
	for n := end - last; n < end; n++ {
		if !a.has(n) {
			return false
		}
	}
	return true
}

func (a *asker) has(n int) bool { return a.took[n] > 0 && a.took[n] <= late }

// outage is what a client saw: how many questions were lost, and the longest time between two that were answered.
type outage struct {
	lost int
	gap  time.Duration
}

// end stops asking and sums up.
func (a *asker) end() (o outage) {
	a.once.Do(func() {
		close(a.stop)
		time.Sleep(late)
		a.conn.Close()
		a.ended.Wait()
	})
	var before time.Time
	for n, sent := range a.sent {
		if !a.has(n) {
			o.lost++
			continue
		}
		if !before.IsZero() {
			o.gap = max(o.gap, sent.Sub(before))
		}
		before = sent
	}
	return o
}
