// Package host is the machine that DebVisor looks at and changes: files below a root, commands, and the closed set of
// changes. Everything above it computes a list of changes from what it reads here; only Apply makes them. It knows
// nothing of what is being configured, and it is the only package that starts processes.
package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Host is a machine: the running one (Root "/"), a system being built or installed (Root "/mnt/target"), or a test's
// temporary directory. The file system is always a real one; only commands are ever replaced.
type Host struct {
	Root   string
	Runner Runner
	// Owners, when not nil, keeps who owns what instead of the file system: tests run without root.
	Owners map[string]string
}

// New is the running machine.
func New() *Host { return &Host{Root: "/", Runner: System{}} }

// maxLinks bounds a chain of symbolic links, as the kernel does.
const maxLinks = 40

// Path is where name, an absolute path on the machine, is found on this system. Symbolic links are followed as the
// machine itself would follow them, so none leads out of Root; parts that do not exist yet are kept as they are.
func (h *Host) Path(name string) (string, error) { return h.resolve(name, true) }

func (h *Host) resolve(name string, followLast bool) (string, error) {
	todo := split(name)
	done, links := "/", 0
	for len(todo) > 0 {
		part := todo[0]
		todo = todo[1:]
		next := path.Join(done, part)
		target, err := os.Readlink(filepath.Join(h.Root, next))
		if err != nil || (len(todo) == 0 && !followLast) {
			done = next // not a link, or not there
			continue
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("resolve %s: too many symbolic links", name)
		}
		if path.IsAbs(target) {
			done = "/"
		}
		todo = append(split(target), todo...)
	}
	return filepath.Join(h.Root, done), nil
}

func split(name string) []string {
	return slices.DeleteFunc(strings.Split(name, "/"), func(s string) bool { return s == "" || s == "." })
}

// ReadFile reads a file of the machine. A missing file is fs.ErrNotExist.
func (h *Host) ReadFile(name string) ([]byte, error) {
	p, err := h.Path(name)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(p)
	return data, h.named(err)
}

// ReadDir lists a directory of the machine, sorted by name.
func (h *Host) ReadDir(name string) ([]fs.DirEntry, error) {
	p, err := h.Path(name)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(p)
	return entries, h.named(err)
}

// Stat describes a file, following links; Lstat describes the link.
func (h *Host) Stat(name string) (fs.FileInfo, error) { return h.stat(name, true) }

// Lstat describes a file without following a link in its last part.
func (h *Host) Lstat(name string) (fs.FileInfo, error) { return h.stat(name, false) }

func (h *Host) stat(name string, follow bool) (fs.FileInfo, error) {
	p, err := h.resolve(name, follow)
	if err != nil {
		return nil, err
	}
	info, err := os.Lstat(p)
	return info, h.named(err)
}

// Exists reports whether there is anything at name; a dangling link counts as nothing.
func (h *Host) Exists(name string) bool {
	_, err := h.Stat(name)
	return err == nil
}

// Readlink is the text of a symbolic link.
func (h *Host) Readlink(name string) (string, error) {
	p, err := h.resolve(name, false)
	if err != nil {
		return "", err
	}
	target, err := os.Readlink(p)
	return target, h.named(err)
}

// Glob lists the names on the machine that match pattern, sorted. Links in the fixed part of the pattern are followed.
func (h *Host) Glob(pattern string) ([]string, error) {
	dir, err := h.Path(fixedPart(pattern))
	if err != nil {
		return nil, err
	}
	rest := strings.TrimPrefix(pattern, fixedPart(pattern))
	found, err := filepath.Glob(filepath.Join(dir, rest))
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", pattern, err)
	}
	for i, name := range found {
		found[i] = path.Join(fixedPart(pattern), strings.TrimPrefix(name, dir))
	}
	return found, nil
}

// fixedPart is the directory above the first component that has a wildcard.
func fixedPart(pattern string) string {
	i := strings.IndexAny(pattern, `*?[\`)
	if i < 0 {
		return path.Dir(pattern)
	}
	return path.Dir(pattern[:i] + "x")
}

// named gives an error the path that the machine knows, not the one below Root.
func (h *Host) named(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case h.Root == "/":
		return err
	case errors.As(err, &path):
		return &fs.PathError{Op: path.Op, Path: h.trim(path.Path), Err: path.Err}
	case errors.As(err, &link):
		return &os.LinkError{Op: link.Op, Old: h.trim(link.Old), New: h.trim(link.New), Err: link.Err}
	}
	return err
}

func (h *Host) trim(p string) string {
	return path.Join("/", strings.TrimPrefix(p, h.Root))
}
