// Package netns tests the firewall in the real kernel: two hosts in network namespaces of their own, joined by a cable,
// and packets between them. It needs root, ip and nft.
package netns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"debvisor/internal/host"

	"golang.org/x/sys/unix"
)

// lab is a node with a firewall, and a peer on the same cable. The cable has two networks in each family: the peer is .2
// in the management network 10.91.0.0/24 and fd91::/64, and in 10.92.0.0/24 and fd92::/64, which is not one.
type lab struct {
	*host.Host
	node, peer string // names of namespaces
}

func newLab(t *testing.T) *lab {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	for _, tool := range []string{"ip", "nft", "unshare"} {
		if _, err := host.Find(tool); err != nil {
			t.Skipf("needs %s", tool)
		}
	}
	id := strconv.Itoa(os.Getpid()) + "-" + strconv.FormatInt(time.Now().UnixNano()%1e6, 36)
	l := &lab{node: "dvn" + id, peer: "dvp" + id}
	root := t.TempDir()
	l.Host = &host.Host{Root: root, Runner: inNode{l.node, root}}
	for _, ns := range []string{l.node, l.peer} {
		run(t, "ip", "netns", "add", ns)
		t.Cleanup(func() { run(t, "ip", "netns", "del", ns) })
	}
	run(t, "ip", "-n", l.node, "link", "add", "up0", "type", "veth", "peer", "name", "up0", "netns", l.peer)
	for i, ns := range []string{l.node, l.peer} {
		configure(t, ns, i+1)
	}
	if err := os.MkdirAll(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	return l
}

func configure(t *testing.T, ns string, last int) {
	t.Helper()
	for _, prefix := range []string{"10.91.0.%d/24", "10.92.0.%d/24", "fd91::%d/64", "fd92::%d/64"} {
		args := []string{"ip", "-n", ns, "addr", "add", fmt.Sprintf(prefix, last), "dev", "up0"}
		if strings.HasPrefix(prefix, "fd") {
			args = append(args, "nodad")
		}
		run(t, args...)
	}
	run(t, "ip", "-n", ns, "link", "set", "lo", "up")
	run(t, "ip", "-n", ns, "link", "set", "up0", "up")
}

func run(t *testing.T, args ...string) {
	t.Helper()
	if _, err := (host.System{}).Run(context.Background(), host.Cmd{Args: args}); err != nil {
		t.Fatal(err)
	}
}

// inNode runs commands in the node's network, with the node's /etc in the place of this system's.
type inNode struct{ ns, root string }

func (r inNode) Run(ctx context.Context, c host.Cmd) ([]byte, error) {
	c.Args = append([]string{"ip", "netns", "exec", r.ns, "unshare", "--mount", "sh", "-c",
		`mount --bind "$0/etc" /etc && exec "$@"`, r.root}, c.Args...)
	return host.System{}.Run(ctx, c)
}

// within calls f in a network namespace; sockets that f opens stay there.
func within(t *testing.T, ns string, f func()) {
	t.Helper()
	if err := enter(ns, f); err != nil {
		t.Fatal(err)
	}
}

func enter(ns string, f func()) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this goroutine
		file, err := os.Open("/run/netns/" + ns)
		if err == nil {
			err = unix.Setns(int(file.Fd()), unix.CLONE_NEWNET)
			file.Close()
		}
		if err == nil {
			f()
		}
		done <- err
	}()
	return <-done
}

// listen answers every connection to these ports of the node, in both families.
func (l *lab) listen(t *testing.T, ports ...int) {
	t.Helper()
	for _, port := range ports {
		var ln net.Listener
		var err error
		within(t, l.node, func() { ln, err = net.Listen("tcp", fmt.Sprintf(":%d", port)) })
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ln.Close() })
		go answer(ln)
	}
}

func answer(ln net.Listener) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			buf := make([]byte, 64)
			for {
				n, err := c.Read(buf)
				if err != nil {
					return
				}
				if _, err := c.Write(buf[:n]); err != nil {
					return
				}
			}
		}()
	}
}

// patience is longer than the second after which a lost SYN is sent again: a busy machine loses the first.
const patience = 2 * time.Second

// dial connects the peer to a port of the node.
func (l *lab) dial(t *testing.T, address string, port int) (c net.Conn, err error) {
	t.Helper()
	within(t, l.peer, func() {
		c, err = net.DialTimeout("tcp", net.JoinHostPort(address, strconv.Itoa(port)), patience)
	})
	return c, err
}

var addresses = []string{"10.91.0.1", "10.92.0.1", "fd91::1", "fd92::1"}

// open reports which of the node's ports the peer reaches, as "10.91.0.1:22", by address and then as given. All are
// tried at once: a closed one takes its time.
func (l *lab) open(t *testing.T, ports ...int) string {
	t.Helper()
	found := make([]string, len(addresses)*len(ports))
	var all sync.WaitGroup
	for i := range found {
		all.Go(func() { found[i] = l.knock(t, addresses[i/len(ports)], ports[i%len(ports)]) })
	}
	all.Wait()
	return strings.Join(slices.DeleteFunc(found, func(s string) bool { return s == "" }), " ")
}

func (l *lab) knock(t *testing.T, address string, port int) string {
	name := fmt.Sprintf("%s:%d", address, port)
	var c net.Conn
	var dialed error
	if err := enter(l.peer, func() {
		c, dialed = net.DialTimeout("tcp", net.JoinHostPort(address, strconv.Itoa(port)), patience)
	}); err != nil {
		t.Error(err)
		return ""
	}
	var timeout net.Error
	switch {
	case dialed == nil:
		c.Close()
		return name
	case !errors.As(dialed, &timeout) || !timeout.Timeout():
		t.Errorf("%s is neither open nor silent: %v", name, dialed)
	}
	return ""
}
