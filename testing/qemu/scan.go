package qemu

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"debvisor/internal/host"
)

// Scan asks every TCP port of to for a connection, from the address from, and returns those that answered in order:
// listening, or refused, which a firewall that drops does not let through either. A question that is lost on the way is
// an error.
func (n *Network) Scan(ctx context.Context, from, to netip.Addr) ([]uint16, error) {
	var s *scanner
	if err := n.Do(func() (err error) { s, err = newScanner(from, to); return err }); err != nil {
		return nil, fmt.Errorf("scan %s from %s: %w", to, from, err)
	}
	go s.listen()
	err := s.ask(ctx, n)
	if err := errors.Join(err, s.close()); err != nil {
		return nil, fmt.Errorf("scan %s from %s: %w", to, from, err)
	}
	return slices.Sorted(maps.Keys(s.answered)), nil
}

const (
	scanPort  = 40000           // the questions come from here
	scanQuiet = 2 * time.Second // all is asked and answered when nothing has moved for so long
	scanNoise = 20              // frames in that time that are not the scan's
)

// scanner sends connection requests of its own making; the kernel, which knows nothing of them, resets what is opened.
type scanner struct {
	from, to netip.Addr
	fd       int
	done     chan struct{}
	mu       sync.Mutex
	answered map[uint16]bool
}

func newScanner(from, to netip.Addr) (*scanner, error) {
	family := unix.AF_INET
	if to.Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return nil, err
	}
	timeout := unix.NsecToTimeval(int64(200 * time.Millisecond))
	err = errors.Join(unix.Bind(fd, socketAddr(from)), unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout))
	if err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return &scanner{from: from, to: to, fd: fd, done: make(chan struct{}), answered: map[uint16]bool{}}, nil
}

func socketAddr(a netip.Addr) unix.Sockaddr {
	if a.Is4() {
		return &unix.SockaddrInet4{Addr: a.As4()}
	}
	return &unix.SockaddrInet6{Addr: a.As16()}
}

// ask sends all questions at once: the device's queue holds them until the machine has taken them, at its own pace.
func (s *scanner) ask(ctx context.Context, n *Network) error {
	before, err := n.counters(ctx)
	if err != nil {
		return err
	}
	to := socketAddr(s.to)
	for port := 1; port <= 65535; port++ {
		if err := unix.Sendto(s.fd, syn(s.from, s.to, uint16(port)), 0, to); err != nil {
			return err
		}
	}
	after, err := n.settle(ctx, before)
	if err == nil && after.Dropped != before.Dropped {
		err = fmt.Errorf("%d questions were lost on the way", after.Dropped-before.Dropped)
	}
	return err
}

// settle waits until the machine takes nothing more.
func (n *Network) settle(ctx context.Context, last counters) (counters, error) {
	for {
		select {
		case <-time.After(scanQuiet):
		case <-ctx.Done():
			return last, ctx.Err()
		}
		now, err := n.counters(ctx)
		if err != nil || now.Packets-last.Packets < scanNoise {
			return now, err
		}
		last = now
	}
}

// counters are the frames that the machine took from the others, and those that it will never get.
type counters struct{ Packets, Dropped int }

func (n *Network) counters(ctx context.Context) (counters, error) {
	var out []byte
	err := n.Do(func() (err error) {
		out, err = host.New().Run(ctx, "ip", "-json", "-statistics", "link", "show", "dev", Device)
		return err
	})
	if err != nil {
		return counters{}, err
	}
	var links []struct{ Stats64 struct{ Tx counters } }
	if err := json.Unmarshal(out, &links); err != nil || len(links) != 1 {
		return counters{}, fmt.Errorf("read the counters of %s: %w: %s", Device, err, out)
	}
	return links[0].Stats64.Tx, nil
}

func (s *scanner) has(port uint16) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answered[port]
}

func (s *scanner) listen() {
	defer close(s.done)
	buf := make([]byte, maxFrame)
	for {
		n, from, err := unix.Recvfrom(s.fd, buf, 0)
		switch {
		case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
			if s.has(0) { // closing
				return
			}
		case err != nil:
			return
		default:
			s.take(buf[:n], from)
		}
	}
}

// take notes the port of a segment that answers one of ours. IPv4 hands over the IP header too.
func (s *scanner) take(segment []byte, from unix.Sockaddr) {
	if a, ok := from.(*unix.SockaddrInet4); ok {
		if netip.AddrFrom4(a.Addr) != s.to || len(segment) == 0 {
			return
		}
		segment = segment[min(len(segment), int(segment[0]&0xf)*4):]
	} else if a, ok := from.(*unix.SockaddrInet6); !ok || netip.AddrFrom16(a.Addr) != s.to {
		return
	}
	if len(segment) < tcpHeader || binary.BigEndian.Uint16(segment[2:]) != scanPort {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answered[binary.BigEndian.Uint16(segment)] = true
}

func (s *scanner) close() error {
	s.mu.Lock()
	s.answered[0] = true // no port: tells listen to end
	s.mu.Unlock()
	<-s.done
	delete(s.answered, 0)
	return unix.Close(s.fd)
}

const tcpHeader = 20

// syn is a request for a connection to port, with the checksum that IPv4 leaves to the sender.
func syn(from, to netip.Addr, port uint16) []byte {
	h := make([]byte, tcpHeader)
	binary.BigEndian.PutUint16(h[0:], scanPort)
	binary.BigEndian.PutUint16(h[2:], port)
	binary.BigEndian.PutUint32(h[4:], uint32(port)<<8) // any sequence number
	h[12] = tcpHeader / 4 << 4
	h[13] = 0x02 // SYN
	binary.BigEndian.PutUint16(h[14:], 1024)
	binary.BigEndian.PutUint16(h[16:], checksum(slices.Concat(from.AsSlice(), to.AsSlice(), []byte{0, unix.IPPROTO_TCP, 0, tcpHeader}, h)))
	return h
}

func checksum(data []byte) uint16 {
	sum := uint32(0)
	for i := 0; i+1 < len(data); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(data[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
