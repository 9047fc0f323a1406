package installer

import (
	"context"
	"fmt"
	"strings"

	"debvisor/config"
	"debvisor/internal/host"
)

// configure plans the files that make the unpacked system this machine. The rest is firstboot's.
func (r *run) configure(context.Context) ([]host.Change, error) {
	changes, err := r.new.Need(r.plan.files()...)
	if err != nil {
		return nil, err
	}
	keys, err := r.new.Glob("/etc/ssh/ssh_host_*")
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		changes = append(changes, host.Remove{Path: k}) // a key that is in an image is not secret
	}
	return changes, nil
}

func (p *Plan) files() []host.Want {
	n := p.Answers.Node
	name, _, _ := strings.Cut(n.Host.FQDN, ".")
	return []host.Want{
		host.Dir{Path: "/boot/efi", Mode: 0o700},
		host.Dir{Path: "/home", Mode: 0o755},
		host.Dir{Path: "/srv", Mode: 0o755},
		host.Dir{Path: "/var/home", Mode: 0o755},
		host.Dir{Path: "/var/srv", Mode: 0o755},
		host.Dir{Path: "/etc/debvisor", Mode: 0o755},
		host.Dir{Path: "/var/log/debvisor", Mode: 0o755},
		host.File{Path: "/etc/fstab", Content: p.fstab(), Mode: 0o644},
		host.File{Path: "/etc/machine-id", Content: p.MachineID + "\n", Mode: 0o444},
		host.File{Path: "/etc/hostname", Content: name + "\n", Mode: 0o644},
		host.File{Path: "/etc/hosts", Content: hosts(n.Host.FQDN, name), Mode: 0o644},
		host.File{Path: "/etc/debvisor-profile", Content: n.Storage.Profile + "\n", Mode: 0o644},
		host.File{Path: config.AnswersPath, Content: p.Answers.Text, Mode: 0o600, Secret: true},
		host.File{Path: "/etc/default/grub.d/debvisor.cfg", Content: p.grubDefaults(), Mode: 0o644},
		host.File{Path: "/var/lib/systemd/random-seed", Content: p.Seed, Mode: 0o600, Secret: true},
	}
}

func hosts(fqdn, name string) string {
	return fmt.Sprintf(`127.0.0.1	localhost
127.0.1.1	%s %s
::1		localhost ip6-localhost ip6-loopback
ff02::1		ip6-allnodes
ff02::2		ip6-allrouters
`, fqdn, name)
}

// fstab names file systems by UUID. /home and /srv live on the state partition, so that they stay when another root
// takes over; a damaged ESP must not keep a hypervisor from starting.
func (p *Plan) fstab() string {
	part := p.Layout.Partitions
	return fmt.Sprintf(`# Written by the installer.
UUID=%s	/	ext4	rw,errors=remount-ro	0	1
UUID=%s	/var	ext4	defaults	0	2
UUID=%s	/boot/efi	vfat	umask=0077,nosuid,nodev,noexec,nofail	0	2
/var/home	/home	none	bind,nosuid,nodev	0	0
/var/srv	/srv	none	bind,nosuid,nodev	0	0
`, part[rootA].UUID, part[state].UUID, part[esp].UUID)
}

func (p *Plan) grubDefaults() string {
	return fmt.Sprintf(`# Written by the installer; another file of this directory may add to it.
GRUB_DISTRIBUTOR="DebVisor"
GRUB_TIMEOUT=3
GRUB_CMDLINE_LINUX_DEFAULT=""
GRUB_CMDLINE_LINUX="%s"
GRUB_TERMINAL="console serial"
GRUB_SERIAL_COMMAND="serial --unit=0 --speed=115200"
GRUB_DISABLE_OS_PROBER=true
`, p.Cmdline)
}
