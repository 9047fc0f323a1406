package nft

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"debvisor/internal/host"
)

// Session is an SSH connection to this machine, known by the address and port of its client.
type Session = netip.AddrPort

// sessions are the SSH connections that are open now.
func sessions(ctx context.Context, h *host.Host) ([]Session, error) {
	out, err := h.Run(ctx, "ss", "-Htn", "state", "established", "sport", "=", fmt.Sprint(sshPort))
	if err != nil {
		return nil, err
	}
	var all []Session
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line) // Recv-Q Send-Q local:port peer:port
		if len(f) < 4 {
			continue
		}
		s, err := parseSession(f[3])
		if err != nil {
			return nil, fmt.Errorf("read what ss printed: %w", err)
		}
		all = append(all, s)
	}
	return all, nil
}

// zone is the interface of a link-local address, which ss writes behind the bracket and sshd before it.
var zone = regexp.MustCompile(`%[^:\]]+`)

func parseSession(s string) (Session, error) {
	a, err := netip.ParseAddrPort(zone.ReplaceAllString(s, ""))
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()), err
}

// ErrLockout is in the error of a configuration that would shut a connected SSH client out.
var ErrLockout = errors.New("a connected SSH client could not connect again")

// lockout is the error of a configuration that keeps the clients of open sessions from coming back. Loopback always may.
func (c Config) lockout(open []Session) error {
	var outside []string
	for _, s := range open {
		inside := slices.ContainsFunc(c.Management, func(p netip.Prefix) bool { return p.Contains(s.Addr()) })
		if !inside && !s.Addr().IsLoopback() {
			outside = append(outside, s.Addr().String())
		}
	}
	if len(c.Management) == 0 || len(outside) == 0 {
		return nil
	}
	slices.Sort(outside)
	return fmt.Errorf("%w: %s in none of the management networks; add the network, or allow the lockout",
		ErrLockout, strings.Join(slices.Compact(outside), ", "))
}

// ErrOldSession: who confirms came over a connection that proves nothing.
var ErrOldSession = errors.New("confirm over a new SSH connection")

// newSession is ErrOldSession when the calling program was started over an SSH connection that is older than the rules on trial:
// an open connection goes on under rules that would not let it in again.
func (t Trial) newSession(h *host.Host) error {
	if s, over := ownSession(h); over && slices.Contains(t.Sessions, s) {
		return fmt.Errorf("%w: this one, from %s, is older than the rules and would outlive a mistake in them", ErrOldSession, s)
	}
	return nil
}

// ownSession is the SSH connection that this program was started over, found at the program itself or, since sudo drops the
// variable, at one of those it descends from. There is none at a console.
func ownSession(h *host.Host) (Session, bool) {
	pid, err := h.Readlink("/proc/self")
	for err == nil && pid != "0" && pid != "" {
		if s, found := sessionOf(h, pid); found {
			return s, true
		}
		pid, err = parent(h, pid)
	}
	return Session{}, false
}

func sessionOf(h *host.Host, pid string) (Session, bool) {
	environ, err := h.ReadFile("/proc/" + pid + "/environ")
	if err != nil {
		return Session{}, false // ended, or a kernel thread
	}
	for v := range strings.SplitSeq(string(environ), "\x00") {
		if f := strings.Fields(strings.TrimPrefix(v, "SSH_CONNECTION=")); strings.HasPrefix(v, "SSH_CONNECTION=") && len(f) == 4 {
			s, err := parseSession(net.JoinHostPort(f[0], f[1]))
			return s, err == nil
		}
	}
	return Session{}, false
}

func parent(h *host.Host, pid string) (string, error) {
	status, err := h.ReadFile("/proc/" + pid + "/status")
	_, rest, _ := strings.Cut(string(status), "\nPPid:\t")
	pid, _, _ = strings.Cut(rest, "\n")
	return pid, err
}
