package disk

import (
	"path"
	"slices"
	"strings"
)

// walk goes down from what is used to every device that it needs. Devices and mounts can need each other (a loop device on
// a file of a mounted disk), so it remembers where it was.
type walk struct {
	g    *graph
	seen map[string]bool // device names and, with a leading slash, mount points
}

// below is every device that a mount needs.
func (g *graph) below(m mountEntry) map[string]bool {
	w := walk{g: g, seen: map[string]bool{}}
	w.mount(m)
	return w.seen
}

func (w walk) mount(m mountEntry) {
	if w.seen[m.Target+" "+m.Source] {
		return
	}
	w.seen[m.Target+" "+m.Source] = true
	if name := w.g.byNumber(m.number); name != "" {
		w.device(name)
	} else {
		w.source(m.Source)
	}
	for _, dir := range m.layers {
		w.file(dir)
	}
}

// device adds a device and what it is made of.
func (w walk) device(name string) {
	n, known := w.g.nodes[name]
	if !known || w.seen[name] {
		return
	}
	w.seen[name] = true
	if n.parent != "" {
		w.device(n.parent)
	}
	for _, slave := range n.slaves {
		w.device(slave)
	}
	for _, group := range w.g.groups {
		if slices.Contains(group, name) {
			w.all(group)
		}
	}
	if file := w.g.backingFile(name); file != "" {
		w.file(file)
	}
}

func (w walk) all(names []string) {
	for _, name := range names {
		w.device(name)
	}
}

// source follows what a mount or a swap is said to be on: a device, several joined by colons (bcachefs), or a file.
func (w walk) source(source string) {
	for name := range strings.SplitSeq(source, ":") {
		if device := w.g.byPath(name); device != "" {
			w.device(device)
		} else if path.IsAbs(name) && !strings.HasPrefix(name, "/dev/") {
			w.file(name)
		}
	}
}

// file follows the mount that a file is on: the longest mount point above it, and of those on one point the last.
func (w walk) file(name string) {
	best := -1
	for i, m := range w.g.mounts {
		dir := strings.TrimSuffix(m.Target, "/")
		if (name == m.Target || strings.HasPrefix(name, dir+"/")) && (best < 0 || len(m.Target) >= len(w.g.mounts[best].Target)) {
			best = i
		}
	}
	if best >= 0 {
		w.mount(w.g.mounts[best])
	}
}

func (g *graph) byNumber(number string) string {
	for name, n := range g.nodes {
		if n.number == number {
			return name
		}
	}
	return ""
}

// byPath finds the device behind a name in /dev, "" when there is none.
func (g *graph) byPath(name string) string {
	base, inDev := strings.CutPrefix(name, "/dev/")
	if !inDev {
		return ""
	}
	if volume, ok := strings.CutPrefix(base, "mapper/"); ok {
		return g.byVolume(volume)
	}
	if _, known := g.nodes[base]; known {
		return base
	}
	target, err := g.h.Readlink(name)
	if err != nil {
		return ""
	}
	if _, known := g.nodes[path.Base(target)]; known {
		return path.Base(target)
	}
	return ""
}

func (g *graph) byVolume(volume string) string {
	for name := range g.nodes {
		if label, err := g.attr(name, "dm/name"); err == nil && label == volume {
			return name
		}
	}
	return ""
}
