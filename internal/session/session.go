// Package session says which SSH sessions are open on a machine, and over which one a program was started: whoever is
// logged in must not be shut out. It opens and closes none, and knows nothing of what sshd allows.
package session

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"debvisor/internal/host"
	"debvisor/internal/pattern"
)

// Open are the clients of the SSH sessions that are open now, by address and port: what comes to port 22, and what is sshd's
// on any other. Whose a connection is only root is told.
func Open(ctx context.Context, h *host.Host) ([]netip.AddrPort, error) {
	out, err := h.Run(ctx, "ss", "-Htnp", "state", "established")
	if err != nil {
		return nil, err
	}
	var all []netip.AddrPort
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line) // Recv-Q Send-Q local:port peer:port users:(("sshd-session",pid=7,fd=4))
		if len(f) < 4 || !strings.HasSuffix(f[2], ":22") && !strings.Contains(strings.Join(f[4:], ""), `"sshd`) {
			continue
		}
		client, err := parse(f[3])
		if err != nil {
			return nil, fmt.Errorf("read what ss printed: %w", err)
		}
		all = append(all, client)
	}
	return all, nil
}

// zone is the interface of a link-local address, which ss writes behind the bracket and sshd before it.
var zone = pattern.Lazy(`%[^:\]]+`)

func parse(s string) (netip.AddrPort, error) {
	a, err := netip.ParseAddrPort(zone().ReplaceAllString(s, ""))
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()), err
}

// Own is the client of the SSH session that this program was started over, found at the program itself or, since sudo
// drops the variable, at one of those it descends from. There is none at a console.
func Own(h *host.Host) (netip.AddrPort, bool) {
	pid, err := h.Readlink("/proc/self")
	for err == nil && pid != "0" && pid != "" {
		if s, found := sessionOf(h, pid); found {
			return s, true
		}
		pid, err = parent(h, pid)
	}
	return netip.AddrPort{}, false
}

func sessionOf(h *host.Host, pid string) (netip.AddrPort, bool) {
	environ, err := h.ReadFile("/proc/" + pid + "/environ")
	if err != nil {
		return netip.AddrPort{}, false // ended, or a kernel thread
	}
	for v := range strings.SplitSeq(string(environ), "\x00") {
		if f := strings.Fields(strings.TrimPrefix(v, "SSH_CONNECTION=")); strings.HasPrefix(v, "SSH_CONNECTION=") && len(f) == 4 {
			s, err := parse(net.JoinHostPort(f[0], f[1]))
			return s, err == nil
		}
	}
	return netip.AddrPort{}, false
}

func parent(h *host.Host, pid string) (string, error) {
	status, err := h.ReadFile("/proc/" + pid + "/status")
	_, rest, _ := strings.Cut(string(status), "\nPPid:\t")
	pid, _, _ = strings.Cut(rest, "\n")
	return pid, err
}
