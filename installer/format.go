package installer

import (
	"context"
	"os"
	"strings"

	"debvisor/internal/disk"
	"debvisor/internal/host"
)

// format plans the file systems that are not there yet.
func (r *run) format(context.Context) ([]host.Change, error) {
	var changes []host.Change
	for i, p := range r.plan.Layout.Partitions {
		if p.FS == "" {
			continue
		}
		have, err := r.hasFilesystem(i)
		if err != nil {
			return nil, err
		}
		if !have {
			changes = append(changes, host.Exec{Cmd: host.Cmd{Args: mkfs(p, r.plan.Layout.Device(i))}})
		}
	}
	return changes, nil
}

func mkfs(p Partition, device string) []string {
	if p.FS == "vfat" {
		return []string{"mkfs.vfat", "-F", "32", "-n", p.Label, "-i", strings.ReplaceAll(p.UUID, "-", ""), device}
	}
	return []string{"mkfs.ext4", "-q", "-F", "-L", p.Label, "-U", p.UUID, device}
}

// hasFilesystem reports whether a partition holds the planned file system, by its UUID.
func (r *run) hasFilesystem(i int) (bool, error) {
	l := r.plan.Layout
	if !r.kernelKnows() {
		return false, nil
	}
	device, err := r.in.Live.Path(l.Device(i))
	if err != nil {
		return false, err
	}
	f, err := os.Open(device)
	if err != nil {
		return false, err
	}
	defer f.Close()
	for _, s := range disk.Probe(f, l.Partitions[i].Size, l.Sector).Signatures {
		if s.Kind == l.Partitions[i].FS && strings.EqualFold(s.UUID, l.Partitions[i].UUID) {
			return true, nil
		}
	}
	return false, nil
}
