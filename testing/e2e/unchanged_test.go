package e2e

import (
	"slices"
	"strings"
	"testing"
)

// state is everything that must stay as it is: each file of /etc with mode, owner, time and hash; the kernel's ruleset
// without counters; which units are enabled, and which are active. What a login or the clock starts is left out.
const state = `find /etc -xdev -printf '%p %y %m %u:%g %T@ %l\n' | sort
	find /etc -xdev -type f -print0 | sort -z | xargs -0 sha256sum
	nft -s list ruleset
	systemctl list-unit-files --no-legend --plain --no-pager | grep -v ' transient ' | sort
	systemctl list-units --all --no-legend --plain --no-pager --type=service,socket,target,path,mount |
		grep -Ev '^(session-|user@|user-runtime-dir@|run-user-|ssh@|sshd@|debvisor-firstboot|(hostname-register|tsig-rotate|debvisor-(blocklist|guests|quarantine))[.]service|systemd-(fsck|tmpfiles-clean|hostnamed|timedated|localed)|apt-|dpkg-|e2scrub|fstrim|logrotate|man-db|phpsession|unattended|polkit|virt(log|lock)d)' |
		awk '{print $1, $3}' | sort`

// secondBootChangesNothing: neither a reboot nor running firstboot again.
func (s *site) secondBootChangesNothing(t *testing.T) {
	before, six := s.root(t, state), s.address6(t)
	s.reboot(t)
	if got := s.run(t, "hostname --fqdn"); got != s.name+".lab.example\n" {
		t.Errorf("the name is now %s", got)
	}
	if now := s.address6(t); now != six {
		t.Errorf("br0 had %s and has %s", six, now)
	}
	unchanged(t, "rebooting", before, s.root(t, state))
	t.Run("health is the same", s.healthOverSSH)
	t.Run("nor does firstboot when it runs again", func(t *testing.T) {
		before := s.root(t, state)
		s.root(t, "debvisor-firstboot && systemctl restart debvisor-firstboot.service")
		unchanged(t, "running firstboot again", before, s.root(t, state))
	})
}

func unchanged(t *testing.T, what, before, after string) {
	t.Helper()
	was, is := strings.Split(before, "\n"), strings.Split(after, "\n")
	for _, line := range was {
		if !slices.Contains(is, line) {
			t.Errorf("%s lost: %s", what, line)
		}
	}
	for _, line := range is {
		if !slices.Contains(was, line) {
			t.Errorf("%s brought: %s", what, line)
		}
	}
}
