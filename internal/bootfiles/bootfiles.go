// Package bootfiles is which files of Debian's packages a disk boots with and where the copies are, and how copies that have
// fallen behind are renewed: no package does that, since none knows of this layout. It does not install: the installer
// writes the first copies, from the same list.
package bootfiles

import (
	"bytes"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"debvisor/internal/host"
)

// ESP is where the EFI system partition is mounted.
const ESP = "/boot/efi"

// File is a copy on the EFI system partition: Path is below the partition's root, From is the package's file.
type File struct{ Path, From string }

// Name is the copy's full name on a machine.
func (f File) Name() string { return ESP + "/" + f.Path }

const (
	shim = "/usr/lib/shim/shimx64.efi.signed"
	mok  = "/usr/lib/shim/mmx64.efi.signed"
	grub = "/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed"
)

// Files are Debian's signed boot loaders, under the name that firmware tries on any disk and under Debian's own, so that no
// variable of the firmware is needed. What firmware looks for comes last: it must find the rest.
var Files = []File{
	{"EFI/debian/grubx64.efi", grub},
	{"EFI/debian/mmx64.efi", mok},
	{"EFI/debian/shimx64.efi", shim},
	{"EFI/BOOT/grubx64.efi", grub},
	{"EFI/BOOT/mmx64.efi", mok},
	{"EFI/BOOT/BOOTX64.EFI", shim},
}

// Current reports whether the copy is what the package has now. A copy that is missing is not.
func (f File) Current(h *host.Host) (bool, error) { return same(h, f.From, f.Name()) }

func same(h *host.Host, from, name string) (bool, error) {
	want, err := h.ReadFile(from)
	if err != nil {
		return false, err
	}
	have, err := h.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return bytes.Equal(want, have), err
}

// Plan plans the copies that are not current, and GRUB for BIOS anew when its package has changed. A machine whose EFI
// system partition is not mounted is an error: the copies would land beside it.
func Plan(h *host.Host) ([]host.Change, error) {
	if _, err := mounted(h, ESP); err != nil {
		return nil, err
	}
	var changes []host.Change
	for _, f := range Files {
		change, err := f.renew(h)
		if err != nil {
			return nil, err
		}
		changes = append(changes, change...)
	}
	bios, err := renewBIOS(h)
	if err != nil {
		return nil, err
	}
	return append(changes, bios...), nil
}

// renew replaces the copy as a whole: firmware finds the old one or the new one.
func (f File) renew(h *host.Host) ([]host.Change, error) {
	current, err := f.Current(h)
	if err != nil || current {
		return nil, err
	}
	data, err := h.ReadFile(f.From)
	return []host.Change{host.Write{Path: f.Name(), After: string(data), Mode: 0o700, New: !h.Exists(f.Name())}}, err
}

// mounted is the device that is mounted somewhere; the last one, when there are several.
func mounted(h *host.Host, where string) (string, error) {
	table, err := h.ReadFile("/proc/self/mounts")
	if err != nil {
		return "", err
	}
	lines := slices.Collect(strings.Lines(string(table)))
	for _, line := range slices.Backward(lines) {
		if f := strings.Fields(line); len(f) > 1 && f[1] == where {
			return f[0], nil
		}
	}
	return "", errors.New(where + " is not mounted")
}
