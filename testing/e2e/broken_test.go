package e2e

import (
	"strings"
	"testing"

	"debvisor/internal/exit"
	"debvisor/internal/health"
)

// breakages are done one after another; health must name each, and nothing else, and be well again after the repair.
var breakages = []struct {
	name, check, says string
	breakIt, repairIt string
	others            []string // checks that rightly see it too
}{
	{"the firewall's table is gone", "firewall", "inet debvisor",
		"nft delete table inet debvisor", "debvisor firewall load", []string{"firewall-rules", "ports"}},
	{"the firewall is not loaded at boot", "firewall", "nftables.service",
		"systemctl disable nftables.service", "systemctl enable nftables.service", nil},
	{"a rule was added by hand", "firewall-rules", "8080",
		"nft insert rule inet debvisor input tcp dport 8080 accept", "debvisor firewall load", nil},
	{"br0 has lost an address", "addresses", "fd77::10/64",
		"ip -6 address del fd77::10/64 dev br0", "ip -6 address add fd77::10/64 dev br0", []string{"routes"}},
	{"SSH takes passwords", "ssh", "passwordauthentication",
		"echo PasswordAuthentication yes > /etc/ssh/sshd_config.d/00-bad.conf", "rm /etc/ssh/sshd_config.d/00-bad.conf", nil},
	{"root may log in", "ssh", "permitrootlogin",
		"echo PermitRootLogin yes > /etc/ssh/sshd_config.d/00-bad.conf", "rm /etc/ssh/sshd_config.d/00-bad.conf", nil},
	{"a host key is readable", "ssh-host-keys", "ssh_host_ed25519_key",
		"chmod 644 /etc/ssh/ssh_host_ed25519_key", "chmod 600 /etc/ssh/ssh_host_ed25519_key", nil},
	{"the pool is stopped", "pool", "default",
		"virsh -q pool-destroy default", "virsh -q pool-start default", nil},
	{"the guests' network is stopped", "guest-network", "br0",
		"virsh -q net-destroy br0", "virsh -q net-start br0", nil},
	{"a service account has a shell", "service-accounts", "webpanel has the shell /bin/bash",
		"usermod -s /bin/bash webpanel", "usermod -s /usr/sbin/nologin webpanel", nil},
	{"the answers are readable", "secrets", "/etc/debvisor/answers.yaml",
		"chmod 644 /etc/debvisor/answers.yaml", "chmod 600 /etc/debvisor/answers.yaml", nil},
	{"the profile is unknown, and firstboot fails", "firstboot", "debvisor-firstboot.service failed",
		"cp -p /etc/debvisor-profile /root/p; echo wonder > /etc/debvisor-profile; ! systemctl restart debvisor-firstboot.service",
		"cp -p /root/p /etc/debvisor-profile; rm /root/p; systemctl restart debvisor-firstboot.service",
		[]string{"profile", "storage", "system"}},
	{"the machine has another name", "hostname", "impostor", "hostname impostor", "hostname uefi", nil},
	{"the disk is full", "space", "/var is",
		"fallocate -l $(($(df --output=avail -B1 /var | tail -n 1) - (64 << 20))) /var/full", "rm /var/full", nil},
	{"a mount is missing", "mounts", "/srv is not mounted", "umount /srv", "mount /srv", nil},
	{"a boot file is missing", "boot", "BOOTX64.EFI",
		"mv /boot/efi/EFI/BOOT/BOOTX64.EFI /root/", "mv /root/BOOTX64.EFI /boot/efi/EFI/BOOT/", nil},
}

func (s *site) healthNamesWhatIsBroken(t *testing.T) {
	for _, b := range breakages {
		t.Run(b.name, func(t *testing.T) {
			found, code := parseHealth(t, s.root(t, "{ "+b.breakIt+"; } >&2\n"+askHealth+"{ "+b.repairIt+"; } >&2"))
			if r := found[b.check]; r.Status != health.Fail || !strings.Contains(r.Detail, b.says) || code != exit.Refused {
				t.Errorf("exit code %d, %s is %s: %s", code, b.check, r.Status, r.Detail)
			}
			unrelated(t, found, append(b.others, b.check))
		})
	}
	t.Run("all is well after the repairs", s.healthOverSSH)
}

// unrelated checks must not have failed.
func unrelated(t *testing.T, found map[string]health.Result, related []string) {
	t.Helper()
	for _, name := range related {
		delete(found, name)
	}
	for _, r := range found {
		if r.Status == health.Fail {
			t.Errorf("%s fails too: %s", r.Check, r.Detail)
		}
	}
}
