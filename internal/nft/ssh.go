package nft

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"debvisor/internal/host"
	"debvisor/internal/session"
)

// ErrLockout is in the error of a configuration that would shut a connected SSH client out.
var ErrLockout = errors.New("a connected SSH client could not connect again")

// lockout is the error of a configuration that keeps the clients of open sessions from coming back. Loopback always may.
func (c Config) lockout(open []netip.AddrPort) error {
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
	if s, over := session.Own(h); over && slices.Contains(t.Sessions, s) {
		return fmt.Errorf("%w: this one, from %s, is older than the rules and would outlive a mistake in them", ErrOldSession, s)
	}
	return nil
}
