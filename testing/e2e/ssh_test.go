package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// dial logs in over SSH. The host key must be the one that was seen first.
func (s *site) dial(address netip.Addr, user string, auth ...ssh.AuthMethod) (*ssh.Client, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	where := netip.AddrPortFrom(address, 22).String()
	conn, err := s.net.Dial(ctx, "tcp", where)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	c, chans, reqs, err := ssh.NewClientConn(conn, where, &ssh.ClientConfig{User: user, Auth: auth, HostKeyCallback: s.sameHostKey})
	if err != nil { // it has closed the connection
		return nil, err
	}
	return ssh.NewClient(c, chans, reqs), conn.SetDeadline(time.Time{})
}

func (s *site) sameHostKey(_ string, _ net.Addr, key ssh.PublicKey) error {
	if s.hostKey == nil {
		s.hostKey = key
	}
	if !bytes.Equal(key.Marshal(), s.hostKey.Marshal()) {
		return errors.New("the host key has changed")
	}
	return nil
}

// login is the administrator's. An emulated machine that was just asked for all its ports answers when it is through with
// them.
func (s *site) login() (*ssh.Client, error) {
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(time.Second) {
		client, err := s.dial(node4, admin, ssh.PublicKeys(s.key))
		var network net.Error
		silent := errors.Is(err, syscall.EHOSTUNREACH) || errors.As(err, &network) && network.Timeout()
		if !silent || time.Now().After(end) {
			return client, err
		}
	}
}

// try runs a command as the administrator and returns what it printed, with its complaints when it failed, and its exit
// code; an error means that it did not run to an exit.
func (s *site) try(command string) (string, int, error) {
	client, err := s.login()
	if err != nil {
		return "", -1, err
	}
	defer client.Close()
	session, err := client.NewSession()
	if err != nil {
		return "", -1, err
	}
	// A command that hangs must not take the whole test's time.
	timer := time.AfterFunc(3*time.Minute, func() { client.Close() })
	defer timer.Stop()
	var said bytes.Buffer
	session.Stderr = &said
	out, err := session.Output(command)
	var exit *ssh.ExitError
	if errors.As(err, &exit) {
		return string(out) + said.String(), exit.ExitStatus(), nil
	}
	return string(out), 0, err
}

// run is a command that must succeed.
func (s *site) run(t *testing.T, command string) string {
	t.Helper()
	out, code, err := s.try(command)
	if err != nil || code != 0 {
		t.Fatalf("%s: exit code %d, %v:\n%s", command, code, err, out)
	}
	return out
}

// root runs a script as root.
func (s *site) root(t *testing.T, script string) string {
	t.Helper()
	return s.run(t, fmt.Sprintf("sudo sh -euc %s", quoted(script)))
}
