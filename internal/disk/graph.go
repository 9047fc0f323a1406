package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"debvisor/internal/host"
	"debvisor/internal/pattern"
)

// node is one block device of the kernel: a disk, a partition, or something stacked on others.
type node struct {
	name   string
	number string   // major:minor
	dir    string   // where sysfs keeps it; it tells how the device is connected
	parent string   // of a partition: its disk
	slaves []string // what it is made of
	users  []string // what is made of it
}

// graph is all block devices of a machine and what uses them.
type graph struct {
	h      *host.Host
	nodes  map[string]node
	mounts []mountEntry
	swaps  []string   // devices and files
	groups [][]string // devices that share one btrfs
	pools  []string   // imported ZFS pools
}

const sysBlock = "/sys/class/block"

func readGraph(h *host.Host) (*graph, error) {
	g := &graph{h: h, nodes: map[string]node{}}
	entries, err := h.ReadDir(sysBlock)
	if err != nil {
		return nil, fmt.Errorf("list disks: %w", err)
	}
	for _, e := range entries {
		n, err := g.readNode(e.Name())
		if errors.Is(err, fs.ErrNotExist) {
			continue // unplugged or detached since the list was made
		}
		if err != nil {
			return nil, fmt.Errorf("read disk %s: %w", e.Name(), err)
		}
		g.nodes[n.name] = n
	}
	return g, g.readUse()
}

func (g *graph) readNode(name string) (node, error) {
	n := node{name: name}
	dir, err := g.h.Readlink(path.Join(sysBlock, name))
	if err != nil {
		return n, err
	}
	n.dir = dir
	if n.number, err = g.attr(name, "dev"); err != nil {
		return n, err
	}
	if g.h.Exists(path.Join(sysBlock, name, "partition")) {
		n.parent = path.Base(path.Dir(dir))
	}
	if n.slaves, err = g.list(path.Join(sysBlock, name, "slaves")); err != nil {
		return n, err
	}
	n.users, err = g.list(path.Join(sysBlock, name, "holders"))
	return n, err
}

// attr is an attribute of a device; one that does not exist is "", and so is one that is listed for a device that has
// no such thing: sysfs shows the wwid of every SCSI disk, and reading it answers ENXIO for most USB sticks.
func (g *graph) attr(name, attribute string) (string, error) {
	return g.text(path.Join(sysBlock, name, attribute))
}

func (g *graph) text(file string) (string, error) {
	data, err := g.h.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENXIO) {
		return "", nil
	}
	return strings.TrimSpace(string(data)), err
}

// list is the names in a directory; one that does not exist is empty.
func (g *graph) list(dir string) ([]string, error) {
	entries, err := g.h.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

// number reads an attribute that must be a whole number.
func (g *graph) number(name, attribute string) (int64, error) {
	s, err := g.attr(name, attribute)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read %s of %s: %q is not a number", attribute, name, s)
	}
	return n, nil
}

// wholeDisk names the drivers whose devices are disks. Anything else (zvols, network block devices, boot areas of flash
// chips, paths that the kernel combines itself) is left alone, because nobody has thought about it.
var wholeDisk = pattern.Lazy(`^(sd[a-z]+|vd[a-z]+|xvd[a-z]+|nvme\d+n\d+|mmcblk\d+|pmem\d+)$`)

var loopDisk = pattern.Lazy(`^loop\d+$`)

func (g *graph) disks(o Options) []string {
	var names []string
	for name, n := range g.nodes {
		if n.parent == "" && (wholeDisk().MatchString(name) || o.Loops && loopDisk().MatchString(name) && g.backingFile(name) != "") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// backingFile is the file behind a loop device, "" for any other device.
func (g *graph) backingFile(name string) string {
	file, err := g.attr(name, "loop/backing_file")
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(file, " (deleted)")
}

// partitionsOf lists a disk's partitions in the order of the disk.
func (g *graph) partitionsOf(name string) []string {
	var parts []string
	for part, n := range g.nodes {
		if n.parent == name {
			parts = append(parts, part)
		}
	}
	slices.SortFunc(parts, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b) // sda2 before sda10
		}
		return strings.Compare(a, b)
	})
	return parts
}
