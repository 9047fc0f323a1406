package disk

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// mountEntry is a line of mountinfo.
type mountEntry struct {
	Mount
	number string // major:minor; 0:x for file systems without one device, btrfs among them
	layers []string
}

// readUse collects everything that can use a disk.
func (g *graph) readUse() error {
	mounts, err := g.h.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return fmt.Errorf("read mounts: %w", err)
	}
	g.mounts = parseMounts(string(mounts))
	swaps, err := g.text("/proc/swaps")
	if err != nil {
		return fmt.Errorf("read swaps: %w", err)
	}
	g.swaps = parseSwaps(swaps)
	if g.pools, err = g.list("/proc/spl/kstat/zfs"); err != nil {
		return fmt.Errorf("list zfs pools: %w", err)
	}
	return g.readGroups()
}

// readGroups: only sysfs tells which devices a mounted btrfs has; mountinfo names one of them.
func (g *graph) readGroups() error {
	all, err := g.list("/sys/fs/btrfs")
	if err != nil {
		return fmt.Errorf("list btrfs file systems: %w", err)
	}
	for _, id := range all {
		devices, err := g.list(path.Join("/sys/fs/btrfs", id, "devices"))
		if err != nil {
			return fmt.Errorf("list devices of btrfs %s: %w", id, err)
		}
		if len(devices) > 0 {
			g.groups = append(g.groups, devices)
		}
	}
	return nil
}

// parseMounts reads mountinfo; lines of a form it does not know are skipped.
func parseMounts(s string) []mountEntry {
	var all []mountEntry
	for line := range strings.Lines(s) {
		before, after, ok := strings.Cut(line, " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !ok || len(left) < 5 || len(right) < 2 {
			continue
		}
		m := mountEntry{Mount: Mount{Source: unescape(right[1]), Target: unescape(left[4]), Type: right[0]}, number: left[2]}
		if len(right) > 2 {
			m.layers = layers(unescape(right[2]))
		}
		all = append(all, m)
	}
	return all
}

// layers are the folders that an overlay is made of.
func layers(options string) []string {
	var dirs []string
	for option := range strings.SplitSeq(options, ",") {
		key, value, _ := strings.Cut(option, "=")
		if key == "lowerdir" || key == "lowerdir+" || key == "upperdir" {
			dirs = append(dirs, strings.FieldsFunc(value, func(r rune) bool { return r == ':' })...)
		}
	}
	return dirs
}

// parseSwaps reads the first column of /proc/swaps, without its header.
func parseSwaps(s string) []string {
	var names []string
	for line := range strings.Lines(s) {
		if fields := strings.Fields(line); len(fields) > 0 && strings.HasPrefix(fields[0], "/") {
			names = append(names, unescape(fields[0]))
		}
	}
	return names
}

// unescape decodes the octal escapes that the kernel writes for blanks: \040.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// attribute fills in who uses each disk.
func (g *graph) attribute(disks []Disk) {
	for _, m := range g.mounts {
		g.charge(disks, g.below(m), func(d *Disk) {
			d.Mounts = append(d.Mounts, m.Mount)
			d.System = append(d.System, systemUse(m.Target)...)
		})
	}
	for _, s := range g.swaps {
		w := walk{g: g, seen: map[string]bool{}}
		w.source(s)
		g.charge(disks, w.seen, func(d *Disk) { d.System = append(d.System, "holds swap") })
	}
	for i := range disks {
		d := &disks[i]
		d.Holders = g.holders(d.Name())
		g.importedPools(d)
		slices.Sort(d.System)
		d.System = slices.Compact(d.System)
	}
}

func (g *graph) charge(disks []Disk, used map[string]bool, add func(*Disk)) {
	for i := range disks {
		if used[disks[i].Name()] {
			add(&disks[i])
		}
	}
}

// importedPools: the kernel shows no holder for ZFS, so the label on the disk is compared with the pools in use.
func (g *graph) importedPools(d *Disk) {
	for _, s := range d.Contents.Signatures {
		if s.Kind != "zfs_member" || s.Label == "" {
			continue
		}
		if use := "ZFS pool " + s.Label; slices.Contains(g.pools, s.Label) && !slices.Contains(d.Holders, use) {
			d.Holders = append(d.Holders, use)
		}
		for _, m := range g.mounts {
			pool, _, _ := strings.Cut(m.Source, "/")
			if m.Type == "zfs" && pool == s.Label && !slices.Contains(d.Mounts, m.Mount) {
				d.Mounts = append(d.Mounts, m.Mount)
				d.System = append(d.System, systemUse(m.Target)...)
			}
		}
	}
}

// systemUse says why the running system needs what is mounted on target; nothing for other places.
func systemUse(target string) []string {
	switch {
	case target == "/run/live/medium" || target == "/lib/live/mount/medium" || target == "/run/live/findiso":
		return []string{"is the live medium"}
	case systemTarget(target):
		return []string{"holds " + target}
	}
	return nil
}

func systemTarget(target string) bool {
	for _, dir := range []string{"/boot", "/usr", "/etc", "/var", "/run/live", "/lib/live", "/run/initramfs"} {
		if target == dir || strings.HasPrefix(target, dir+"/") {
			return true
		}
	}
	return target == "/"
}
