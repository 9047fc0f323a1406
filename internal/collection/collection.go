// Package collection is the Ansible collection debvisor.core as plain data: which file with which content lies where, made
// from the repository's roles, playbooks and documents and from the modules' binary. It writes nothing itself: the image
// and the tarball are made elsewhere from the same list.
package collection

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// Where a collection lies below a directory of collections, and what it is called.
const (
	Namespace = "debvisor"
	Name      = "core"
	Path      = "ansible_collections/" + Namespace + "/" + Name
)

// Binary is what the modules' binary is called on a node.
const Binary = "debvisor-modules"

// BinaryFor is what the binary for an architecture, as Go and Debian name it, is called where there are several.
func BinaryFor(arch string) string { return Binary + "-linux-" + arch }

// arches are the architectures that there are modules for. The first is the one that Ansible takes when it is left alone.
var arches = []string{"amd64", "arm64"}

// Entry is a file of the collection, or a link.
type Entry struct {
	Path   string // below the collection, with slashes
	Data   []byte // of a link, what it leads to
	Link   string // target, relative within the collection; empty for a file
	Mode   fs.FileMode
	Origin string // the repository's file that this is a copy of, if it is one
}

// Source is what the collection is made from.
type Source struct {
	Files    fs.FS             // the repository: collection, roles, playbooks, docs, LICENSES, modules/*/*.yml
	Version  string            // as in VERSION
	Binaries map[string][]byte // by architecture; the one for amd64 must be there
	Notices  string            // the licences of what is compiled into them; none where they are made for a test
}

// Collection is what New makes: the entries, ascending by path.
type Collection struct {
	Entries []Entry
	galaxy  galaxy

	galaxyText []byte
}

// New makes the collection without the files that say how it came here: Packed adds those of a tarball, Source those of a
// source tree.
func New(s Source) (*Collection, error) {
	if len(s.Binaries[arches[0]]) == 0 {
		return nil, fmt.Errorf("the collection needs %s: run make modules", BinaryFor(arches[0]))
	}
	c := &Collection{}
	for _, add := range []func(Source) error{c.addGalaxy, c.addCopies, c.addRoles, c.addModules, c.addBinaries} {
		if err := add(s); err != nil {
			return nil, err
		}
	}
	c.sort()
	return c, nil
}

func (c *Collection) add(e Entry) {
	if e.Mode == 0 {
		e.Mode = 0o644
	}
	c.Entries = append(c.Entries, e)
}

func (c *Collection) sort() {
	slices.SortFunc(c.Entries, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
}

// addTree copies what lies below from in the repository to below to.
func (c *Collection) addTree(files fs.FS, from, to string) error {
	return fs.WalkDir(files, from, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, name)
		c.add(Entry{Path: path.Join(to, strings.TrimPrefix(name, from)), Data: data, Origin: name})
		return err
	})
}

// addCopies: galaxy.yml and meta/runtime.yml get what only this package knows, the rest of collection/ is as it is.
func (c *Collection) addCopies(s Source) error {
	for _, from := range []string{"docs", "playbooks", "LICENSES"} {
		if err := c.addTree(s.Files, from, from); err != nil {
			return err
		}
	}
	if err := c.addTree(s.Files, "collection", "."); err != nil {
		return err
	}
	if s.Notices != "" {
		c.add(Entry{Path: "LICENSES/third-party.txt", Data: []byte(s.Notices)})
	}
	made := []string{"galaxy.yml", "meta/runtime.yml"}
	c.Entries = slices.DeleteFunc(c.Entries, func(e Entry) bool { return slices.Contains(made, e.Path) })
	return nil
}

// addRoles: a collection has no hyphens in its roles' names. What tests a role in the repository stays there.
func (c *Collection) addRoles(s Source) error {
	roles, err := fs.ReadDir(s.Files, "roles")
	if err != nil {
		return err
	}
	for _, r := range roles {
		if err := c.addTree(s.Files, path.Join("roles", r.Name()), path.Join("roles", strings.ReplaceAll(r.Name(), "-", "_"))); err != nil {
			return err
		}
	}
	c.Entries = slices.DeleteFunc(c.Entries, func(e Entry) bool {
		return strings.HasPrefix(e.Path, "roles/") && strings.Contains(e.Path, "/molecule/")
	})
	return nil
}

// addBinaries: the module's name is a link to the binary of the architecture that nearly every node has, which Ansible
// finds by itself; below the other architectures' names are the same, for the action plugin.
func (c *Collection) addBinaries(s Source) error {
	var sums strings.Builder
	modules, err := modulesOf(s.Files)
	if err != nil {
		return err
	}
	for _, arch := range slices.Sorted(maps.Keys(s.Binaries)) {
		if !slices.Contains(arches, arch) {
			return fmt.Errorf("no modules are made for the architecture %s", arch)
		}
		data := s.Binaries[arch]
		fmt.Fprintf(&sums, "%s  %s\n", Sum(data), BinaryFor(arch))
		c.add(Entry{Path: pluginUtils + BinaryFor(arch), Data: data, Mode: 0o755})
		for _, m := range modules {
			c.add(moduleLink(m, arch, data))
		}
	}
	c.add(Entry{Path: pluginUtils + Binary + ".sha256", Data: []byte(sums.String())})
	return nil
}

const pluginUtils = "plugins/plugin_utils/"

func moduleLink(module, arch string, data []byte) Entry {
	e := Entry{Path: "plugins/modules/" + module, Data: data, Link: "../plugin_utils/" + BinaryFor(arch), Mode: 0o755}
	if arch != arches[0] {
		e.Path, e.Link = path.Join("plugins/modules", arch, module), "../"+e.Link
	}
	return e
}

// InstalledBinary is where a node keeps the binary with a hash: found by the action plugin before anything is copied.
func InstalledBinary(sum string) string {
	return path.Join("/usr/libexec/debvisor/modules", sum, Binary)
}

// LinkBinary makes the binary for an architecture a link to where it lies on a node, so that it is there once.
func (c *Collection) LinkBinary(arch, target string) {
	for i, e := range c.Entries {
		if e.Path == pluginUtils+BinaryFor(arch) {
			c.Entries[i].Link = target
		}
	}
}

// NoticesFile is what the licences of what is compiled into the modules are called, beside the binaries.
const NoticesFile = Binary + ".notices"

// Binaries are those of all architectures in a directory, which has them by the names that BinaryFor gives. One that is
// missing is no error here.
func Binaries(files fs.FS) (map[string][]byte, error) {
	all := map[string][]byte{}
	for _, arch := range arches {
		data, err := fs.ReadFile(files, BinaryFor(arch))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all[arch] = data
	}
	return all, nil
}
