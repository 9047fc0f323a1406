package health

import (
	"context"

	"debvisor/internal/bootfiles"
	"debvisor/internal/pattern"
)

// bootFiles are what firmware and boot loader look for, apart from the copies of packages' files and the kernels that the
// menu names.
var bootFiles = []string{
	"/boot/efi/EFI/debian/grub.cfg",
	"/boot/grub/i386-pc/core.img",
}

// menuFiles finds the kernels and initial RAM disks of a boot menu.
var menuFiles = pattern.Lazy(`(?m)^\s*(?:linux|initrd)\s+(/boot/\S+)`)

func boot(_ context.Context, n *Node, r *Result) error {
	menu, err := n.ReadFile("/boot/grub/grub.cfg")
	if err != nil {
		return err
	}
	var needed []string
	for _, f := range bootfiles.Files {
		needed = append(needed, f.Name())
	}
	needed = append(needed, bootFiles...)
	entries := menuFiles().FindAllStringSubmatch(string(menu), -1)
	for _, m := range entries {
		needed = append(needed, m[1])
	}
	if len(entries) == 0 {
		r.fail("/boot/grub/grub.cfg names no kernel")
	}
	n.notEmpty(r, needed)
	if err := n.loadersCurrent(r); err != nil {
		return err
	}
	r.ok("BIOS and UEFI loaders as their packages have them, menu, kernel and initial RAM disk")
	return nil
}

func (n *Node) notEmpty(r *Result, names []string) {
	for _, name := range names {
		if info, err := n.Stat(name); err != nil {
			r.fail("%v", err)
		} else if info.Size() == 0 {
			r.fail("%s is empty", name)
		}
	}
}

// loadersCurrent: an update of GRUB or shim closes no hole while the machine boots with the old one. A copy that is missing
// or empty was named already.
func (n *Node) loadersCurrent(r *Result) error {
	for _, f := range bootfiles.Files {
		if info, err := n.Stat(f.Name()); err != nil || info.Size() == 0 {
			continue
		}
		current, err := f.Current(n.Host)
		if err != nil {
			return err
		}
		if !current {
			r.warn("%s differs from %s: debvisor boot refresh", f.Name(), f.From)
		}
	}
	current, err := bootfiles.BIOSCurrent(n.Host)
	if err == nil && !current {
		r.warn("GRUB for BIOS is not that of the package: debvisor boot refresh")
	}
	return err
}
