package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"debvisor/internal/names"
	"debvisor/testing/qemu"
)

// fromInside looks at what the promises about a node come down to on it.
func (s *site) fromInside(t *testing.T) {
	t.Run("accounts", s.accounts)
	t.Run("file modes", s.fileModes)
	t.Run("br0 has the address", func(t *testing.T) {
		want := fmt.Sprintf("%s/%d", node4, peer4.Bits())
		if out := s.run(t, "ip -4 -o addr show dev br0 scope global"); word(out, 3) != want {
			t.Errorf("want %s, got:\n%s", want, out)
		}
	})
	t.Run("a VM starts", s.virtualMachineStarts)
	t.Run("fixed names work", s.fixedNames)
	t.Run("disk layout", s.diskLayout)
	t.Run("the data disk is as it was", s.dataDiskIsBlank)
}

func (s *site) accounts(t *testing.T) {
	want := fmt.Sprintf(`root L
webpanel:/nonexistent:/usr/sbin/nologin L
debvisor-rpc:/nonexistent:/usr/sbin/nologin L
tsig-rotator:/nonexistent:/usr/sbin/nologin L
%s:/home/%[1]s:/bin/bash L kvm libvirt sudo
%s:/home/%[2]s:/bin/bash P kvm libvirt sudo
`, admin, console)
	got := s.root(t, fmt.Sprintf(`echo root $(passwd -S root | cut -d' ' -f2)
		for u in webpanel debvisor-rpc tsig-rotator; do
			echo $(getent passwd $u | cut -d: -f1,6,7) $(passwd -S $u | cut -d' ' -f2)
		done
		for u in %s %s; do
			echo $(getent passwd $u | cut -d: -f1,6,7) $(passwd -S $u | cut -d' ' -f2) $(id -nG $u | tr ' ' '\n' | grep -vx $u | sort)
		done`, admin, console))
	same(t, got, want)
}

func (s *site) fileModes(t *testing.T) {
	want := fmt.Sprintf(`600 root:root /etc/debvisor/answers.yaml
644 root:root /etc/debvisor-profile
600 root:root /etc/ssh/ssh_host_ed25519_key
640 root:shadow /etc/shadow
700 %[1]s:%[1]s /home/%[1]s/.ssh
600 %[1]s:%[1]s /home/%[1]s/.ssh/authorized_keys
700 root:root /boot/efi
755 root:root /opt/debvisor-rpc
755 root:root /usr/local/bin/debvisor
`, admin)
	var paths []string
	for line := range strings.Lines(want) {
		paths = append(paths, word(line, 2))
	}
	same(t, s.root(t, "stat -c '%a %U:%G %n' "+strings.Join(paths, " ")), want)
	if got := s.root(t, "find /etc -xdev -type f -perm /022"); got != "" {
		t.Errorf("writable by others:\n%s", got)
	}
}

const domain = `<domain type="qemu"><name>tiny</name><memory unit="MiB">32</memory><vcpu>1</vcpu>
<os><type arch="x86_64">hvm</type></os>
<devices><interface type="network"><source network="br0"/></interface></devices></domain>`

// virtualMachineStarts: one without a disk, with a card on br0, emulated.
func (s *site) virtualMachineStarts(t *testing.T) {
	s.run(t, "echo "+quoted(domain)+" > /tmp/tiny.xml && virsh -q -c qemu:///system define /tmp/tiny.xml && virsh -q -c qemu:///system start tiny")
	same(t, s.run(t, "virsh -q -c qemu:///system domstate tiny"), "running\n")
	if got := s.run(t, "ls /sys/class/net/br0/brif"); !regexp.MustCompile(`(?m)^vnet\d+$`).MatchString(got) {
		t.Errorf("its card is not in br0:\n%s", got)
	}
	s.run(t, "virsh -q -c qemu:///system destroy tiny && virsh -q -c qemu:///system undefine tiny && rm /tmp/tiny.xml")
}

// fixedNames calls each of them once; a new one needs a line here.
func (s *site) fixedNames(t *testing.T) {
	calls := map[string]struct{ arguments, says string }{
		"/usr/local/bin/debvisor-dns-update.sh":       {"--help", "A name belongs to who registered it first"},
		"/usr/local/bin/hostname-register.sh":         {"--help", "of an earlier name"},
		"/usr/local/bin/run-tsig-rotation.sh":         {"--help", "rotate-tsig-ha.yml"},
		"/usr/local/bin/tsig-keygen.sh":               {"", "all keys are there"},
		"/usr/local/sbin/debvisor-firstboot.sh":       {"--plan", "storage is not provisioned by this version"},
		"/usr/local/sbin/debvisor-profile-summary.sh": {"", "zfs"},
		"/usr/local/sbin/debvisor-vm-register.sh":     {"--help", "Gives a guest that runs on this host its name"},
	}
	for _, link := range names.Links {
		call, ok := calls[link.Path]
		if !ok {
			t.Errorf("%s is never called", link.Path)
			continue
		}
		if got := s.run(t, "sudo "+link.Path+" "+call.arguments); !strings.Contains(got, call.says) {
			t.Errorf("%s does not say %q:\n%s", link.Path, call.says, got)
		}
	}
	for _, unit := range names.Units {
		same(t, s.run(t, "systemctl show -P LoadState "+unit), "loaded\n")
	}
}

func (s *site) diskLayout(t *testing.T) {
	const mib, gib = 1 << 20, 1 << 30
	want := fmt.Sprintf("debvisor-esp vfat DV-ESP %d\ndebvisor-bios - - %d\ndebvisor-root-a ext4 * %d\ndebvisor-root-b - - %d\ndebvisor-state ext4 * *\n",
		1*gib, 1*mib, 10*gib, 10*gib)
	got := s.root(t, `lsblk -nbro PARTLABEL,FSTYPE,LABEL,SIZE -x NAME | grep debvisor-`)
	if !likely(got, want) {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func (s *site) dataDiskIsBlank(t *testing.T) {
	blank, err := qemu.Sum(newDisk(t, t.TempDir(), "blank"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := qemu.Sum(s.machine.Drives[1].Path)
	if err != nil {
		t.Fatal(err)
	}
	if got != blank {
		t.Error("it was written to")
	}
}

// likely compares words; a * stands for any one, and - for one that is empty.
func likely(got, want string) bool {
	g, w := strings.Split(strings.TrimSpace(got), "\n"), strings.Split(strings.TrimSpace(want), "\n")
	if len(g) != len(w) {
		return false
	}
	for i := range w {
		gs, ws := strings.Split(g[i], " "), strings.Split(w[i], " ")
		for j := range ws {
			if len(gs) != len(ws) || ws[j] != "*" && gs[j] != strings.TrimPrefix(ws[j], "-") {
				return false
			}
		}
	}
	return true
}

func same(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
