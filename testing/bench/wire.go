package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"runtime"

	"golang.org/x/sys/unix"
)

// sink counts and drops what has passed everything before it.
const sink = `table inet sink {
	counter arrived { }
	chain input { type filter hook input priority 0; ip daddr 10.91.0.1 counter name arrived drop; }
}
`

// freshWire makes a network namespace with a cable into this program's network; the near end has the namespace's name.
func (b bench) freshWire(ctx context.Context, name string) error {
	if err := freshNet(ctx, name); err != nil {
		return err
	}
	rules, err := b.write("sink.nft", sink)
	if err != nil {
		return err
	}
	for _, args := range [][]string{
		{"ip", "link", "add", name, "type", "veth", "peer", "name", "up0", "address", far.String(), "netns", name},
		{"ip", "link", "set", name, "up"},
		within(name, "ip", "addr", "add", "10.91.0.1/24", "dev", "up0"),
		within(name, "ip", "link", "set", "up0", "up"),
		within(name, "nft", "-f", rules),
	} {
		if _, err := run(ctx, nil, args...); err != nil {
			return err
		}
	}
	return nil
}

// far is the address of the far end of every cable.
var far = net.HardwareAddr{2, 0, 0, 0, 0, 1}

// wire is the near end of a cable, and a frame that is sent on it from different addresses.
type wire struct {
	fd    int
	frame [60]byte
	sum   uint32 // of the IP header without the source
}

func openWire(name string) (*wire, error) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: i.Index}); err != nil {
		return nil, fmt.Errorf("send on %s: %w", name, err)
	}
	w := &wire{fd: fd}
	copy(w.frame[:], far)
	copy(w.frame[6:], i.HardwareAddr)
	header := w.frame[14:34]
	w.frame[12], w.frame[13] = 8, 0 // IPv4
	header[0], header[3], header[8], header[9] = 0x45, 46, 64, unix.IPPROTO_UDP
	copy(header[16:], []byte{10, 91, 0, 1})
	copy(w.frame[34:], []byte{0, 7, 0, 7, 0, 26})
	for at := 0; at < len(header); at += 2 {
		w.sum += uint32(binary.BigEndian.Uint16(header[at:]))
	}
	return w, nil
}

// send sends a datagram from each source. The other end handles each within the call that sends it.
func (w *wire) send(sources []uint32) error {
	for _, s := range sources {
		sum := w.sum + s>>16 + s&0xffff
		sum = sum>>16 + sum&0xffff
		binary.BigEndian.PutUint32(w.frame[26:], s)
		binary.BigEndian.PutUint16(w.frame[24:], ^uint16(sum+sum>>16))
		if _, err := unix.Write(w.fd, w.frame[:]); err != nil {
			return fmt.Errorf("send a packet: %w", err)
		}
	}
	return nil
}

// arrived is how many packets have come to a sink.
func arrived(ctx context.Context, name string) (int, error) {
	var found struct {
		Nftables []struct {
			Counter *struct {
				Table   string `json:"table"`
				Packets int    `json:"packets"`
			} `json:"counter"`
		} `json:"nftables"`
	}
	// Without -t nft would read every set as a whole, for a minute.
	if err := runJSON(ctx, &found, within(name, "nft", "-j", "-t", "list", "ruleset")...); err != nil {
		return 0, err
	}
	for _, o := range found.Nftables {
		if o.Counter != nil && o.Counter.Table == "sink" {
			return o.Counter.Packets, nil
		}
	}
	return 0, fmt.Errorf("%s counts nothing", name)
}

// pinned makes the calling goroutine the only one of its thread, and the thread one of the first processor.
func pinned() error {
	runtime.LockOSThread()
	var allowed, first unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		return err
	}
	for cpu := 0; first.Count() == 0; cpu++ {
		if allowed.IsSet(cpu) {
			first.Set(cpu)
		}
	}
	return unix.SchedSetaffinity(0, &first)
}
