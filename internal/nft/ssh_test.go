package nft

import (
	"errors"
	"strings"
	"testing"

	"debvisor/internal/host"
)

const connected = `0 0 10.0.0.1:22 10.0.0.9:50412 users:(("sshd-session",pid=7,fd=4))
0 0 [::ffff:10.0.0.1]:22 [::ffff:10.3.0.7]:4711 users:(("sshd-session",pid=8,fd=4))
0 0 127.0.0.1:22 127.0.0.1:40000 users:(("sshd-session",pid=9,fd=4))
0 36 [fe80::1]%br0:22 [fe80::2]%br0:50000 users:(("sshd-session",pid=10,fd=4))
`

func TestAConnectedClientIsNotShutOut(t *testing.T) {
	n := newNode(t)
	n.clients = connected
	_, _, err := PlanChange(t.Context(), n.Host, config("10.0.0.0/16"), Options{})
	if !errors.Is(err, ErrLockout) || !strings.Contains(err.Error(), ": 10.3.0.7, fe80::2 in none of") {
		t.Errorf("got %v", err)
	}
	n.plan(config("10.0.0.0/8", "fe80::/10"), Options{})
	n.plan(Config{}, Options{})
	n.apply(n.plan(config("10.0.0.0/16"), Options{AllowLockout: true}))
	if left := n.plan(config("10.0.0.0/16"), Options{}); len(left) > 0 { // what is in force shuts nobody out anew
		t.Errorf("left: %v", left)
	}
}

// The client of a session is found above sudo, which drops the variable.
func TestOnlyANewConnectionConfirms(t *testing.T) {
	n := newNode(t)
	n.clients = connected
	n.apply(n.plan(config("10.0.0.0/16"), Options{Confirm: twoMinutes.Confirm, Now: noon, AllowLockout: true}))
	n.apply([]host.Change{
		host.Link{Path: "/proc/self", Target: "30"},
		host.Write{Path: "/proc/30/environ", After: "PATH=/bin\x00"},
		host.Write{Path: "/proc/30/status", After: "Name:\tdebvisor\nPid:\t30\nPPid:\t20\n"},
		host.Write{Path: "/proc/20/environ", After: "HOME=/root\x00SSH_CONNECTION=10.3.0.7 4711 10.0.0.1 22\x00"},
		host.Write{Path: "/proc/20/status", After: "Name:\tbash\nPid:\t20\nPPid:\t1\n"},
	})
	if _, err := PlanConfirm(t.Context(), n.Host); !errors.Is(err, ErrOldSession) || !strings.Contains(err.Error(), "10.3.0.7:4711") {
		t.Errorf("over an old connection: %v", err)
	}
	n.apply([]host.Change{host.Write{Path: "/proc/20/environ", After: "SSH_CONNECTION=10.3.0.7 4712 10.0.0.1 22\x00"}})
	n.confirm()
}
