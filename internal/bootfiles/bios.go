package bootfiles

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"debvisor/internal/host"
)

// A BIOS starts GRUB from sectors that no file shows, but grub-install copies the modules of the same version beside them,
// and this one has the package's version in it.
const (
	module     = "/usr/lib/grub/i386-pc/normal.mod"
	moduleCopy = "/boot/grub/i386-pc/normal.mod"
)

// pending exists while grub-install runs: it copies the modules first, and what is cut off there looks finished.
const pending = "/boot/grub/debvisor-bios.pending"

// biosPartition is the PARTLABEL of the partition that holds GRUB's core.
const biosPartition = "debvisor-bios"

// BIOSCurrent reports whether GRUB for BIOS is the one of the installed package.
func BIOSCurrent(h *host.Host) (bool, error) {
	current, err := same(h, module, moduleCopy)
	return current && !h.Exists(pending), err
}

func renewBIOS(h *host.Host) ([]host.Change, error) {
	current, err := BIOSCurrent(h)
	if err != nil || current {
		return nil, err
	}
	disk, err := systemDisk(h)
	if err != nil {
		return nil, err
	}
	mark, err := h.Need(host.File{Path: pending, Content: "grub-install is running, or was cut off\n", Mode: 0o644})
	return append(mark,
		host.Exec{Cmd: host.Cmd{Args: []string{"grub-install", "--target=i386-pc", "--recheck", disk}}},
		host.Exec{Cmd: host.Cmd{Args: []string{"sync"}}},
		host.Remove{Path: pending}), err
}

// systemDisk is the disk that the root is on. One without a partition for GRUB's core is not of this layout: GRUB would
// write among somebody's files.
func systemDisk(h *host.Host) (string, error) {
	device, err := mounted(h, "/")
	if err != nil {
		return "", err
	}
	partition, err := h.Path("/sys/class/block/" + path.Base(device))
	if err != nil {
		return "", err
	}
	disk := path.Base(path.Dir(partition))
	names, err := h.Glob("/sys/class/block/" + disk + "/" + disk + "*/uevent")
	if err != nil {
		return "", err
	}
	for _, name := range names {
		text, err := h.ReadFile(name)
		if err != nil {
			return "", err
		}
		if slices.Contains(strings.Split(string(text), "\n"), "PARTNAME="+biosPartition) {
			return "/dev/" + disk, nil
		}
	}
	return "", fmt.Errorf("renew GRUB for BIOS: the disk of %s has no partition %s", device, biosPartition)
}
