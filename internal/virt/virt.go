// Package virt is what libvirt must know of a machine: its storage pool default and its network br0. It asks and tells
// libvirt through virsh; virtual machines are not here.
package virt

import (
	"context"
	"slices"
	"strings"

	"debvisor/internal/host"
)

// Images is the directory of the pool default.
const Images = "/var/lib/libvirt/images"

const pool = `<pool type='dir'>
  <name>default</name>
  <target>
    <path>` + Images + `</path>
  </target>
</pool>
`

const network = `<network>
  <name>br0</name>
  <forward mode='bridge'/>
  <bridge name='br0'/>
</network>
`

// Installed reports whether the machine has libvirt.
func Installed(h *host.Host) bool {
	return h.Exists("/usr/bin/virsh") && h.Exists("/usr/sbin/libvirtd")
}

// Plan plans the pool default and the network br0, both started with libvirt, and that libvirt's own NAT network default
// is not: guests are on br0. A pool or network of that name that an operator defined stays as it is.
func Plan(ctx context.Context, h *host.Host) ([]host.Change, error) {
	p, err := object{kind: "pool", name: "default", xml: pool}.plan(ctx, h)
	if err != nil {
		return nil, err
	}
	n, err := object{kind: "net", name: "br0", xml: network}.plan(ctx, h)
	if err != nil {
		return nil, err
	}
	nat, err := noAutostart(ctx, h, "default")
	if err != nil {
		return nil, err
	}
	dir, err := imagesDir(h)
	return slices.Concat(dir, p, n, nat), err
}

// imagesDir leaves the mode of a directory that is there to libvirt's package.
func imagesDir(h *host.Host) ([]host.Change, error) {
	if h.Exists(Images) {
		return nil, nil
	}
	return h.Need(host.Dir{Path: Images, Mode: 0o711})
}

// object is a pool or a network.
type object struct{ kind, name, xml string }

func (o object) plan(ctx context.Context, h *host.Host) ([]host.Change, error) {
	defined, err := names(ctx, h, o.kind, "--all")
	if err != nil {
		return nil, err
	}
	active, err := names(ctx, h, o.kind)
	if err != nil {
		return nil, err
	}
	auto, err := names(ctx, h, o.kind, "--all", "--autostart")
	if err != nil {
		return nil, err
	}
	var changes []host.Change
	if !slices.Contains(defined, o.name) {
		changes = append(changes, host.Exec{Cmd: host.Cmd{Args: virsh(o.kind+"-define", "/dev/stdin"), Stdin: o.xml}})
	}
	if !slices.Contains(auto, o.name) {
		changes = append(changes, host.Exec{Cmd: host.Cmd{Args: virsh(o.kind+"-autostart", o.name)}})
	}
	if !slices.Contains(active, o.name) {
		changes = append(changes, host.Exec{Cmd: host.Cmd{Args: virsh(o.kind+"-start", o.name)}})
	}
	return changes, nil
}

func noAutostart(ctx context.Context, h *host.Host, name string) ([]host.Change, error) {
	auto, err := names(ctx, h, "net", "--all", "--autostart")
	if err != nil || !slices.Contains(auto, name) {
		return nil, err
	}
	return []host.Change{host.Exec{Cmd: host.Cmd{Args: virsh("net-autostart", "--disable", name)}}}, nil
}

func names(ctx context.Context, h *host.Host, kind string, filter ...string) ([]string, error) {
	out, err := h.Run(ctx, append(virsh(kind+"-list", "--name"), filter...)...)
	return strings.Fields(string(out)), err
}

func virsh(args ...string) []string {
	return append([]string{"virsh", "--quiet", "--connect", "qemu:///system"}, args...)
}
