package netns

import (
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// count counts the datagrams that arrive at a port of the node.
func (l *lab) count(t *testing.T, port int) func() int64 {
	t.Helper()
	var c net.PacketConn
	var err error
	within(t, l.node, func() { c, err = net.ListenPacket("udp", fmt.Sprintf(":%d", port)) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	var n atomic.Int64
	go func() {
		for buf := make([]byte, 64); ; n.Add(1) {
			if _, _, err := c.ReadFrom(buf); err != nil {
				return
			}
		}
	}()
	return n.Load
}

// flood sends datagrams from the peer to a port of the node in both families, some thousand a second and each of them a
// connection of its own, until the test ends or for a minute. It returns how many were sent so far.
func (l *lab) flood(t *testing.T, port int) func() int64 {
	t.Helper()
	var n atomic.Int64
	stop, done := make(chan struct{}), make(chan error)
	send := func() {
		for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(500 * time.Microsecond) {
			for _, address := range []string{"10.91.0.1", "fd91::1"} {
				if sendOne(net.JoinHostPort(address, fmt.Sprint(port))) {
					n.Add(1)
				}
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	}
	go func() { done <- enter(l.peer, send) }()
	t.Cleanup(func() {
		close(stop)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return n.Load
}

// sendOne uses a new port each time: a connection that is known already would pass any rule.
func sendOne(to string) bool {
	c, err := net.Dial("udp", to)
	if err != nil {
		return false
	}
	defer c.Close()
	_, err = c.Write([]byte("x"))
	return err == nil
}
