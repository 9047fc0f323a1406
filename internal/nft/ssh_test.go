package nft

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"debvisor/internal/host"
)

const connected = `0 0 10.0.0.1:22 10.0.0.9:50412
0 0 [::ffff:10.0.0.1]:22 [::ffff:10.3.0.7]:4711
0 0 127.0.0.1:22 127.0.0.1:40000
0 36 [fe80::1]%br0:22 [fe80::2]%br0:50000
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

func TestSessionsAreReadAsTheyArePrinted(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.9:50412":         "10.0.0.9:50412",
		"[::ffff:10.3.0.7]:4711": "10.3.0.7:4711",
		"[fe80::2]%br0:50000":    "[fe80::2]:50000",
		"[fe80::2%br0]:50000":    "[fe80::2]:50000",
		"[2001:db8::1]:22":       "[2001:db8::1]:22",
		"10.0.0.9%enp1s0:50412":  "10.0.0.9:50412",
	} {
		if got, err := parseSession(text); err != nil || got != netip.MustParseAddrPort(want) {
			t.Errorf("%s: got %s, %v", text, got, err)
		}
	}
	for _, wrong := range []string{"", "10.0.0.9", "ssh:22", "*:*"} {
		if got, err := parseSession(wrong); err == nil {
			t.Errorf("%q: got %s", wrong, got)
		}
	}
}
