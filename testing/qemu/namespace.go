package qemu

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Namespace is a network of its own in the kernel. Nothing leads out of it, and it is gone with the program.
type Namespace struct{ fd *os.File }

// NewNamespace makes one with only its loopback interface, which is down. Needs root.
func NewNamespace() (*Namespace, error) {
	var made *Namespace
	err := onThread(func() (err error) {
		if err = unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("make a network namespace: %w", err)
		}
		fd, err := os.Open(threadNamespace())
		made = &Namespace{fd}
		return err
	})
	return made, err
}

// Do runs f inside: sockets it opens and processes it starts stay there. f must open them itself, not in goroutines.
func (n *Namespace) Do(f func() error) error {
	return onThread(func() error {
		if err := unix.Setns(int(n.fd.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter the network namespace: %w", err)
		}
		return f()
	})
}

// Dial connects from inside; address is an IP address and a port.
func (n *Namespace) Dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	err = n.Do(func() error {
		conn, err = (&net.Dialer{}).DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// Close gives the namespace up; it ends when nothing runs in it any more.
func (n *Namespace) Close() error { return n.fd.Close() }

func threadNamespace() string { return fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()) }

// onThread runs f on a thread that nothing else uses meanwhile and brings the thread back to its namespace. The thread
// must not end instead: processes that it started are told to end with it.
func onThread(f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	home, err := os.Open(threadNamespace())
	if err != nil {
		return fmt.Errorf("find this thread's network namespace: %w", err)
	}
	defer home.Close()
	err = f()
	if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
		panic(errors.Join(err, back)) // going on would mix networks up
	}
	return err
}
