package host

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// Want is something that must hold on a machine: File, Dir, Symlink, Absent.
type Want interface {
	changes(h *Host) ([]Change, error)
}

// Need compares what must hold with what does and returns the changes that are missing; none when all is right.
func (h *Host) Need(wants ...Want) ([]Change, error) {
	var all []Change
	for _, w := range wants {
		changes, err := w.changes(h)
		if err != nil {
			return nil, err
		}
		all = append(all, changes...)
	}
	return all, nil
}

// File must exist with just this content, mode and owner ("user:group", empty for root:root).
type File struct {
	Path    string
	Content string
	Mode    fs.FileMode
	Owner   string
	Secret  bool
}

func (f File) changes(h *Host) ([]Change, error) {
	write := Write{Path: f.Path, After: f.Content, Mode: f.Mode, Owner: f.Owner, Secret: f.Secret}
	data, err := h.ReadFile(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		write.New = true
		return []Change{write}, nil
	}
	if err != nil {
		return nil, err
	}
	if string(data) == f.Content {
		return h.perm(f.Path, f.Mode, f.Owner)
	}
	write.Before = string(data)
	return []Change{write}, nil
}

// Dir must be a directory with this mode and owner.
type Dir struct {
	Path  string
	Mode  fs.FileMode
	Owner string
}

func (d Dir) changes(h *Host) ([]Change, error) {
	info, err := h.Stat(d.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return []Change{Mkdir(d)}, nil
	}
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("create directory %s: there is something else of that name", d.Path)
	}
	return h.perm(d.Path, d.Mode, d.Owner)
}

// Symlink must be a symbolic link with just this text.
type Symlink struct{ Path, Target string }

func (s Symlink) changes(h *Host) ([]Change, error) {
	target, err := h.Readlink(s.Path)
	if err == nil && target == s.Target {
		return nil, nil
	}
	info, err := h.Lstat(s.Path)
	if err == nil && info.IsDir() {
		return nil, fmt.Errorf("link %s to %s: there is a directory of that name", s.Path, s.Target)
	}
	return []Change{Link(s)}, nil
}

// Absent must not exist.
type Absent struct{ Path string }

func (a Absent) changes(h *Host) ([]Change, error) {
	switch _, err := h.Lstat(a.Path); {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return []Change{Remove(a)}, nil
}

// perm is the change to mode and owner that something existing needs. An owner that does not exist yet is a change too:
// the account is made by an earlier step.
func (h *Host) perm(name string, mode fs.FileMode, owner string) ([]Change, error) {
	info, err := h.Stat(name)
	if err != nil {
		return nil, err
	}
	if modeBits(info.Mode()) == modeBits(mode) && h.ownedBy(name, info, owner) {
		return nil, nil
	}
	return []Change{Perm{Path: name, Mode: mode, Owner: owner}}, nil
}

const specialBits = fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky

func modeBits(m fs.FileMode) fs.FileMode { return m & (fs.ModePerm | specialBits) }

func (h *Host) ownedBy(name string, info fs.FileInfo, owner string) bool {
	if h.Owners != nil {
		p, err := h.Path(name)
		return err == nil && rootIfEmpty(h.Owners[h.trim(p)]) == rootIfEmpty(owner)
	}
	uid, gid, err := h.ids(owner)
	if err != nil {
		return false
	}
	stat := info.Sys().(*syscall.Stat_t)
	return int(stat.Uid) == uid && int(stat.Gid) == gid
}
