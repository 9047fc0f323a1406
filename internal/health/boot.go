package health

import (
	"context"
	"regexp"
)

// bootFiles are what firmware and boot loader look for, apart from the kernels that the menu names.
var bootFiles = []string{
	"/boot/efi/EFI/BOOT/BOOTX64.EFI",
	"/boot/efi/EFI/BOOT/grubx64.efi",
	"/boot/efi/EFI/debian/grub.cfg",
	"/boot/grub/i386-pc/core.img",
}

// menuFiles finds the kernels and initial RAM disks of a boot menu.
var menuFiles = regexp.MustCompile(`(?m)^\s*(?:linux|initrd)\s+(/boot/\S+)`)

func boot(_ context.Context, n *Node, r *Result) error {
	menu, err := n.ReadFile("/boot/grub/grub.cfg")
	if err != nil {
		return err
	}
	needed := bootFiles
	entries := menuFiles.FindAllStringSubmatch(string(menu), -1)
	for _, m := range entries {
		needed = append(needed[:len(needed):len(needed)], m[1])
	}
	if len(entries) == 0 {
		r.fail("/boot/grub/grub.cfg names no kernel")
	}
	for _, name := range needed {
		if info, err := n.Stat(name); err != nil {
			r.fail("%v", err)
		} else if info.Size() == 0 {
			r.fail("%s is empty", name)
		}
	}
	r.ok("BIOS and UEFI loaders, menu, kernel and initial RAM disk")
	return nil
}
