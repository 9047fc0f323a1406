package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"debvisor/internal/host"
)

// Run runs a command of this system on a node, or with the node "" in the lab's network, where it is 10.99.0.1 and
// fd99::1. It returns what the command writes to standard output.
func (l *Lab) Run(ctx context.Context, node string, args ...string) (string, error) {
	if node != "" {
		n, err := l.Named(node)
		if err != nil {
			return "", err
		}
		return n.Exec(ctx, args...)
	}
	c, err := l.command(ctx, args)
	if err != nil {
		return "", err
	}
	out, err := host.System{}.Run(ctx, c)
	return string(out), err
}

// Begin starts a command of this system in the lab's network and does not wait for it: a flood, a server. It ends with
// ctx, with the lab and with this program.
func (l *Lab) Begin(ctx context.Context, s host.Streams, args ...string) (*host.Process, error) {
	c, err := l.command(ctx, args)
	if err != nil {
		return nil, err
	}
	return host.Start(ctx, c, s)
}

func (l *Lab) command(ctx context.Context, args []string) (host.Cmd, error) {
	a, err := l.ask(ctx, request{Verb: "status"})
	return host.Cmd{Args: append(nsenter(a.pid, labNamespaces...), args...)}, err
}

// Do calls f in the lab's network: sockets that it opens stay there after f. f must open them itself, not in goroutines.
func (l *Lab) Do(f func() error) error {
	a, err := l.ask(context.Background(), request{Verb: "status"})
	if err != nil {
		return err
	}
	return inNetwork(a.pid, f)
}

// Dial connects to an address in the lab.
func (l *Lab) Dial(ctx context.Context, network, address string) (c net.Conn, err error) {
	doErr := l.Do(func() error {
		c, err = (&net.Dialer{}).DialContext(ctx, network, address)
		return err
	})
	return c, doErr
}

// inNetwork calls f on a thread that is in the network of a process, and brings the thread back.
func inNetwork(pid int, f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	home, err := os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()))
	if err != nil {
		return err
	}
	defer home.Close()
	there, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		return fmt.Errorf("enter the lab's network: %w", err)
	}
	defer there.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter the lab's network: %w", err)
	}
	err = f()
	if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
		panic(errors.Join(err, back)) // going on would mix networks up
	}
	return err
}

// Forward connects to a port in the lab and copies in to it and what comes back to out, until either side ends or the
// lab does: what stayed would keep the lab's network.
func (l *Lab) Forward(ctx context.Context, address string, in io.Reader, out io.Writer) error {
	hold, a, err := l.connect(ctx, request{Verb: "hold"})
	if err != nil {
		return err
	}
	defer hold.Close()
	var c net.Conn
	err = inNetwork(a.pid, func() (err error) {
		c, err = (&net.Dialer{}).DialContext(ctx, "tcp", address)
		return err
	})
	if err != nil {
		return err
	}
	defer c.Close()
	return relay(ctx, c.(*net.TCPConn), hold, in, out)
}

func relay(ctx context.Context, c *net.TCPConn, hold net.Conn, in io.Reader, out io.Writer) error {
	back := make(chan error, 1)
	gone := make(chan struct{})
	go func() {
		_, err := io.Copy(c, in)
		if err == nil {
			err = c.CloseWrite()
		}
		if err != nil {
			c.Close() // which ends the other direction, where the error is told
		}
	}()
	go func() {
		_, err := io.Copy(out, c)
		back <- err
	}()
	go func() {
		_, _ = hold.Read(make([]byte, 1)) // nothing ever comes: this is the end of the lab
		close(gone)
	}()
	select {
	case err := <-back:
		return err
	case <-gone:
		return errors.New("the lab has ended")
	case <-ctx.Done():
		return nil // ssh ends its proxy so
	}
}
