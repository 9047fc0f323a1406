package health

import (
	"context"
	"slices"
	"strings"
)

// mountPoints are the ones that every node has, from fstab.
var mountPoints = []string{"/", "/boot/efi", "/home", "/srv", "/var"}

func mounts(_ context.Context, n *Node, r *Result) error {
	table, err := n.mountTable("/etc/fstab")
	if err != nil {
		return err
	}
	now, err := n.mountTable("/proc/self/mounts")
	if err != nil {
		return err
	}
	for _, point := range mountPoints {
		if lookUp(table, point) == nil {
			r.fail("%s is not in /etc/fstab", point)
		}
	}
	for _, want := range table {
		compareMount(r, want, lookUp(now, want[1]))
	}
	r.ok("%d of /etc/fstab are there", len(table))
	return nil
}

// compareMount: the operator said of a nofail entry that the machine is well without it. A file system that was mounted
// read-only after an error looks well until something writes.
func compareMount(r *Result, want, got []string) {
	switch {
	case got == nil && option(want, "nofail") && !slices.Contains(mountPoints, want[1]):
		r.warn("%s is not mounted", want[1])
	case got == nil:
		r.fail("%s is not mounted", want[1])
	case option(got, "ro") && !option(want, "ro"):
		r.fail("%s is read-only", want[1])
	}
}

func option(entry []string, name string) bool {
	return slices.Contains(strings.Split(entry[3], ","), name)
}

// mountTable are the entries of a table in the form of fstab that have a mount point and are mounted at boot.
func (n *Node) mountTable(name string) ([][]string, error) {
	data, err := n.ReadFile(name)
	var all [][]string
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) >= 4 && strings.HasPrefix(f[1], "/") && !strings.HasPrefix(f[0], "#") && !option(f, "noauto") {
			all = append(all, f)
		}
	}
	return all, err
}

// lookUp is the last entry for a mount point, which covers earlier ones; nil without any.
func lookUp(table [][]string, point string) []string {
	for _, f := range slices.Backward(table) {
		if f[1] == point {
			return f
		}
	}
	return nil
}
