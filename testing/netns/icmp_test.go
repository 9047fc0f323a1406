package netns

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"debvisor/internal/host"
	"debvisor/internal/nft"
)

var replies = regexp.MustCompile(`(\d+) received`)

// ping sends n echo requests from the peer, 5 ms apart, and returns how many came back.
func (l *lab) ping(t *testing.T, address string, n int) int {
	t.Helper()
	if _, err := host.Find("ping"); err != nil {
		t.Skip("needs ping")
	}
	c := host.Cmd{Args: []string{"ip", "netns", "exec", l.peer, "ping", "-q", "-n", "-c", fmt.Sprint(n), "-i", "0.005", "-W", "1", address}}
	out, err := host.System{}.Run(t.Context(), c)
	match := replies.FindSubmatch(out)
	if match == nil {
		t.Fatalf("ping %s: %v: %s", address, err, out)
	}
	came, err := strconv.Atoi(string(match[1]))
	if err != nil {
		t.Fatal(err)
	}
	return came
}

func TestEchoIsAnsweredButNotWithoutEnd(t *testing.T) {
	l := newLab(t)
	l.apply(t, nft.Config{})
	for _, address := range []string{"10.91.0.1", "fd91::1"} {
		if came := l.ping(t, address, 200); came < 20 || came > 120 {
			t.Errorf("%d of 200 echo requests to %s were answered in a second", came, address)
		}
	}
}

func TestErrorsReachTheSender(t *testing.T) {
	l := newLab(t)
	l.apply(t, nft.Config{})
	if !l.refused(t, "10.91.0.2") {
		t.Error("the node does not learn that a port of its peer is closed")
	}
}

// refused sends a datagram from the node to a port where nobody listens; the answer is an ICMP error.
func (l *lab) refused(t *testing.T, address string) (yes bool) {
	t.Helper()
	within(t, l.node, func() {
		c, err := net.Dial("udp", net.JoinHostPort(address, "7"))
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		for range 3 {
			c.SetDeadline(time.Now().Add(patience))
			c.Write([]byte("x"))
			_, err = c.Read(make([]byte, 1))
			yes = yes || errors.Is(err, syscall.ECONNREFUSED)
		}
	})
	return yes
}
