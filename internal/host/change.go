package host

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Change is one thing that must become different on a machine. The set is closed: Write, Append, Mkdir, Link, Remove, Perm,
// Rename, Call and Exec. String says it in one line, without secrets.
type Change interface {
	String() string
	apply(ctx context.Context, h *Host) error
}

// Apply makes the changes in order and stops at the first that fails.
func (h *Host) Apply(ctx context.Context, changes []Change) error {
	for _, c := range changes {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := c.apply(ctx, h); err != nil {
			return err
		}
	}
	return nil
}

// Write replaces a file as a whole: readers see the old content or the new, also after a power cut.
type Write struct {
	Path          string
	Before, After string
	Mode          fs.FileMode
	Owner         string // "user:group", empty for root:root
	New           bool   // there was no file
	Secret        bool   // contents are never printed
}

func (w Write) String() string {
	if w.New {
		return fmt.Sprintf("create %s (%04o%s)", w.Path, w.Mode, ownerSuffix(w.Owner))
	}
	return "write " + w.Path
}

func (w Write) apply(_ context.Context, h *Host) error {
	p, err := h.Path(w.Path)
	if err != nil {
		return err
	}
	if err := h.replace(p, w); err != nil {
		return fmt.Errorf("write %s: %w", w.Path, h.named(err))
	}
	return nil
}

// replace writes a temporary file beside p with its final mode and owner, then renames it over p.
func (h *Host) replace(p string, w Write) error {
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(p), "."+filepath.Base(p)+".tmp-")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if err := h.fill(tmp, p, w); err != nil {
		tmp.Close()
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), p); err != nil {
		return err
	}
	return syncDir(filepath.Dir(p))
}

func (h *Host) fill(tmp *os.File, p string, w Write) error {
	// By descriptor: in a directory that a user may write to, the name could lead elsewhere by now.
	if err := h.chown(tmp.Chown, p, w.Owner); err != nil {
		return err
	}
	if err := tmp.Chmod(w.Mode); err != nil {
		return err
	}
	if _, err := tmp.WriteString(w.After); err != nil {
		return err
	}
	return tmp.Sync()
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Mkdir makes a directory and the ones above it.
type Mkdir struct {
	Path  string
	Mode  fs.FileMode
	Owner string
}

func (m Mkdir) String() string {
	return fmt.Sprintf("create directory %s (%04o%s)", m.Path, m.Mode, ownerSuffix(m.Owner))
}

func (m Mkdir) apply(_ context.Context, h *Host) error {
	p, err := h.Path(m.Path)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(p, 0o755); err != nil {
		return h.named(err)
	}
	return h.setPerm(p, m.Mode, m.Owner)
}

// Link makes a symbolic link, atomically replacing a link or file of that name.
type Link struct{ Path, Target string }

func (l Link) String() string { return fmt.Sprintf("link %s to %s", l.Path, l.Target) }

func (l Link) apply(_ context.Context, h *Host) error {
	p, err := h.resolve(l.Path, false)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		return h.named(err)
	}
	tmp := filepath.Join(filepath.Dir(p), "."+filepath.Base(p)+".tmp-link")
	if err := os.Remove(tmp); err != nil && !os.IsNotExist(err) {
		return h.named(err)
	}
	if err := os.Symlink(l.Target, tmp); err != nil {
		return h.named(err)
	}
	if err := os.Rename(tmp, p); err != nil {
		return h.named(err)
	}
	return h.named(syncDir(filepath.Dir(p)))
}

// Rename gives a file another name, replacing what has it. A large file is written under a name of its own first, so that a
// full disk shows before anything else was changed.
type Rename struct{ From, To string }

func (r Rename) String() string { return fmt.Sprintf("rename %s to %s", r.From, r.To) }

func (r Rename) apply(_ context.Context, h *Host) error {
	from, err := h.resolve(r.From, false)
	if err != nil {
		return err
	}
	to, err := h.Path(r.To)
	if err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return h.named(err)
	}
	return h.named(syncDir(filepath.Dir(to)))
}

// Remove deletes a file, a link or an empty directory.
type Remove struct{ Path string }

func (r Remove) String() string { return "remove " + r.Path }

func (r Remove) apply(_ context.Context, h *Host) error {
	p, err := h.resolve(r.Path, false)
	if err != nil {
		return err
	}
	return h.named(os.Remove(p))
}

// Perm sets mode and owner of something that exists.
type Perm struct {
	Path  string
	Mode  fs.FileMode
	Owner string
}

func (c Perm) String() string {
	return fmt.Sprintf("set %s to %04o%s", c.Path, c.Mode, ownerSuffix(c.Owner))
}

func (c Perm) apply(_ context.Context, h *Host) error {
	p, err := h.Path(c.Path)
	if err != nil {
		return err
	}
	return h.setPerm(p, c.Mode, c.Owner)
}

// Exec runs a command that changes something files do not show: the kernel, a daemon.
type Exec struct {
	Cmd Cmd
	Why string // said instead of the command when given
}

func (e Exec) String() string {
	if e.Why != "" {
		return e.Why + ": " + e.Cmd.String()
	}
	return "run " + e.Cmd.String()
}

func (e Exec) apply(ctx context.Context, h *Host) error {
	_, err := h.Runner.Run(ctx, e.Cmd)
	return err
}

// Run runs a command that only looks and returns its standard output.
func (h *Host) Run(ctx context.Context, args ...string) ([]byte, error) {
	return h.Runner.Run(ctx, Cmd{Args: args})
}

func (h *Host) setPerm(p string, mode fs.FileMode, owner string) error {
	lchown := func(uid, gid int) error { return os.Lchown(p, uid, gid) }
	if err := h.chown(lchown, p, owner); err != nil {
		return h.named(err)
	}
	return h.named(os.Chmod(p, mode)) // after chown, which clears setuid and setgid
}

// chown gives something to owner with set; name is the path under which Owners keeps it.
func (h *Host) chown(set func(uid, gid int) error, name, owner string) error {
	if h.Owners != nil {
		h.Owners[h.trim(name)] = rootIfEmpty(owner)
		return nil
	}
	uid, gid, err := h.ids(owner)
	if err != nil {
		return err
	}
	return set(uid, gid)
}

// ids looks "user:group" up in the machine's own account files, so that a system below Root gets its own numbers.
func (h *Host) ids(owner string) (uid, gid int, err error) {
	user, group, _ := strings.Cut(rootIfEmpty(owner), ":")
	if uid, err = h.id("/etc/passwd", user); err != nil {
		return 0, 0, err
	}
	gid, err = h.id("/etc/group", group)
	return uid, gid, err
}

func (h *Host) id(file, name string) (int, error) {
	if name == "root" {
		return 0, nil
	}
	data, err := h.ReadFile(file)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if f := strings.Split(line, ":"); len(f) > 2 && f[0] == name {
			return strconv.Atoi(f[2])
		}
	}
	return 0, fmt.Errorf("look up %s: not in %s", name, file)
}

func rootIfEmpty(owner string) string {
	if owner == "" {
		return "root:root"
	}
	return owner
}

func ownerSuffix(owner string) string {
	if owner == "" {
		return ""
	}
	return ", " + owner
}
