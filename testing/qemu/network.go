package qemu

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"debvisor/internal/host"
)

// Network joins a machine's card to a namespace of the test, where a tap device stands for every other host. With a VLAN
// it is a switch with a trunk port to the machine and an access port to the others: the machine's frames must carry
// exactly that tag, and all others are dropped.
type Network struct {
	*Namespace
	tap         *os.File
	socket      *net.UnixConn
	vlan        uint16
	guest, host string // sockets of both ends
}

// Device is the tap's name in the namespace.
const Device = "others"

// NewNetwork makes a network with addrs (with prefix lengths, of both families) for the others, which can be a machine's
// gateway; dir is for sockets.
func NewNetwork(ctx context.Context, dir string, vlan int, addrs ...netip.Prefix) (*Network, error) {
	ns, err := NewNamespace()
	if err != nil {
		return nil, err
	}
	n := &Network{Namespace: ns, vlan: uint16(vlan), guest: filepath.Join(dir, "guest"), host: filepath.Join(dir, "host")}
	if err := ns.Do(func() error { return n.open(ctx, addrs) }); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	go n.toGuest()
	go n.fromGuest()
	return n, nil
}

func (n *Network) open(ctx context.Context, addrs []netip.Prefix) (err error) {
	if n.tap, err = openTap(Device); err != nil {
		return err
	}
	// The queue holds a question to every port of a slow machine.
	batch := []string{"link set lo up", "link set " + Device + " up txqueuelen 100000"}
	for _, a := range addrs {
		batch = append(batch, fmt.Sprintf("addr add %s dev %s nodad", a, Device))
	}
	// A gateway that does not call itself a router is none to systemd-networkd.
	if err := os.WriteFile("/proc/sys/net/ipv6/conf/all/forwarding", []byte("1\n"), 0); err != nil {
		return fmt.Errorf("make %s a router: %w", Device, err)
	}
	cmd := host.Cmd{Args: []string{"ip", "-batch", "-"}, Stdin: strings.Join(batch, "\n") + "\n"}
	if _, err := (host.System{}).Run(ctx, cmd); err != nil {
		return err
	}
	n.socket, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: n.host, Net: "unixgram"})
	return err
}

// openTap makes a network device whose frames this program reads and writes.
func openTap(name string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open /dev/net/tun: %w", err)
	}
	ifr, err := unix.NewIfreq(name)
	if err == nil {
		ifr.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make tap device %s: %w", name, err), unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), "/dev/net/tun"), nil
}

// maxFrame holds an Ethernet frame with a tag.
const maxFrame = 2048

func (n *Network) toGuest() {
	to := &net.UnixAddr{Name: n.guest, Net: "unixgram"}
	buf := make([]byte, maxFrame)
	for {
		size, err := n.tap.Read(buf)
		if err != nil {
			return // closed
		}
		// A machine that is off or busy loses frames, as on any network.
		_, _ = n.socket.WriteToUnix(tagged(buf[:size], n.vlan), to)
	}
}

func (n *Network) fromGuest() {
	buf := make([]byte, maxFrame)
	for {
		size, err := n.socket.Read(buf)
		if err != nil {
			return // closed
		}
		if frame, ok := untagged(buf[:size], n.vlan); ok {
			_, _ = n.tap.Write(frame) // the device refuses what is no frame
		}
	}
}

// Close ends the network; a machine on it sees a cable that is silent.
func (n *Network) Close() error {
	errs := []error{n.Namespace.Close()}
	if n.tap != nil {
		errs = append(errs, n.tap.Close())
	}
	if n.socket != nil {
		errs = append(errs, n.socket.Close())
	}
	return errors.Join(errs...)
}
