package session

import (
	"fmt"
	"net/netip"
	"testing"

	"debvisor/internal/host/hosttest"
)

func TestOnlySessionsOfSSHCount(t *testing.T) {
	m := hosttest.New(t, "")
	m.Runner.Answer("ss -Htnp state established", `0 0 10.0.0.1:2222 10.0.0.9:50412 users:(("sshd-session",pid=7,fd=4))
0 36 [fe80::1]%br0:22 [fe80::2]%br0:50000 users:(("sshd",pid=8,fd=4),("sshd",pid=9,fd=4))
0 0 10.0.0.1:40000 203.0.113.80:443 users:(("curl",pid=9,fd=4))
0 0 10.0.0.1:40001 203.0.113.81:22 users:(("ssh",pid=9,fd=4))
0 0 10.0.0.1:40002 203.0.113.82:443
`)
	open, err := Open(t.Context(), m.Host)
	if got := fmt.Sprint(open); err != nil || got != "[10.0.0.9:50412 [fe80::2]:50000]" {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestSessionsAreReadAsTheyArePrinted(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.9:50412":         "10.0.0.9:50412",
		"[::ffff:10.3.0.7]:4711": "10.3.0.7:4711",
		"[fe80::2]%br0:50000":    "[fe80::2]:50000",
		"[fe80::2%br0]:50000":    "[fe80::2]:50000",
		"[2001:db8::1]:22":       "[2001:db8::1]:22",
		"10.0.0.9%enp1s0:50412":  "10.0.0.9:50412",
	} {
		if got, err := parse(text); err != nil || got != netip.MustParseAddrPort(want) {
			t.Errorf("%s: got %s, %v", text, got, err)
		}
	}
	for _, wrong := range []string{"", "10.0.0.9", "ssh:22", "*:*"} {
		if got, err := parse(wrong); err == nil {
			t.Errorf("%q: got %s", wrong, got)
		}
	}
}

// The session is found above sudo, which drops the variable.
func TestTheOwnSessionIsFoundAboveSudo(t *testing.T) {
	m := hosttest.New(t, "-- proc/self -> 30 --\n-- proc/30/environ --\nPATH=/bin\n-- proc/30/status --\nName:\tsudo\nPPid:\t20\n-- proc/20/environ --\n-- proc/20/status --\nName:\tbash\nPPid:\t0\n")
	if s, found := Own(m.Host); found {
		t.Errorf("at a console: %s", s)
	}
	m = hosttest.New(t, "-- proc/self -> 30 --\n-- proc/30/environ --\nPATH=/bin\n-- proc/30/status --\nName:\tsudo\nPPid:\t20\n-- proc/20/environ --\nSSH_CONNECTION=10.3.0.7 4711 10.0.0.1 22\n-- proc/20/status --\nName:\tbash\nPPid:\t0\n")
	if s, found := Own(m.Host); !found || s.String() != "10.3.0.7:4711" {
		t.Errorf("got %s, %v", s, found)
	}
}
