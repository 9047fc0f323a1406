package lab

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// groups is the tree of control groups, version 2, without being mounted anywhere: a machine may have it elsewhere, or
// not at all.
type groups struct{ mount *os.File }

func openGroups() (*groups, error) {
	fd, err := unix.Fsopen("cgroup2", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("open the control groups: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.FsconfigCreate(fd); err != nil {
		return nil, fmt.Errorf("open the control groups: %w", err)
	}
	mount, err := unix.Fsmount(fd, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open the control groups: %w", err)
	}
	return &groups{os.NewFile(uintptr(mount), "cgroup2")}, nil
}

func (g *groups) close() error { return g.mount.Close() }

func (g *groups) path(name string) string {
	return filepath.Join(fmt.Sprintf("/proc/self/fd/%d", g.mount.Fd()), name)
}

// groupOf is the control group of the lab in dir.
func groupOf(dir string) string {
	return fmt.Sprintf("%s%x", dirPrefix, sha256.Sum256([]byte(dir)))[:len(dirPrefix)+12]
}

// within makes a group and calls f with this process in it: what f starts stays there.
func (g *groups) within(name string, f func() error) error {
	home, err := ownGroup()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(g.path(name), 0o755); err != nil {
		return err
	}
	if err := join(g.path(name)); err != nil {
		return err
	}
	return errors.Join(f(), join(g.path(home)))
}

func join(dir string) error {
	return os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte("0"), 0)
}

func ownGroup() (string, error) {
	data, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(data)) {
		if name, ok := strings.CutPrefix(line, "0::"); ok {
			return strings.TrimSpace(name), nil
		}
	}
	return "", errors.New("find this process's control group: the kernel has no version 2")
}

// remove kills what is in a group and below, and removes it; one that is not there is fine.
func (g *groups) remove(name string) error { return removeGroup(g.path(name)) }

func removeGroup(dir string) error {
	err := os.WriteFile(filepath.Join(dir, "cgroup.kill"), []byte("1"), 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := emptied(dir); err != nil {
		return err
	}
	return removeGroups(dir)
}

// dying is how long the kernel may take to end a process; it is long because a machine can be busy.
const dying = 30 * time.Second

func emptied(dir string) error {
	for end := time.Now().Add(dying); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		data, err := os.ReadFile(filepath.Join(dir, "cgroup.events"))
		if err != nil {
			return err
		}
		if strings.Contains(string(data), "populated 0") {
			return nil
		}
	}
	return fmt.Errorf("end the processes in %s: some do not end", dir)
}

// removeGroups removes a group after those in it. Only directories can be removed here.
func removeGroups(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := removeGroups(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return os.Remove(dir)
}

// firstOf is the process that began a node: systemd has its own group in the payload's.
func firstOf(group string) (int, error) {
	data, err := os.ReadFile(filepath.Join(group, "payload/init.scope/cgroup.procs"))
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(data), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		return 0, fmt.Errorf("find the first process of a node: %w", err)
	}
	return pid, nil
}
