package builder

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"debvisor/internal/host"
)

// keep is how many results of a stage stay in the cache for each edition: the last one and the one before it.
const keep = 2

// keyOf names a result by everything that went into it.
func keyOf(inputs ...any) string {
	h := sha256.New()
	enc := json.NewEncoder(h)
	for _, in := range inputs {
		if err := enc.Encode(in); err != nil {
			panic(err) // inputs are plain data
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// cache is a directory of stage results. A result is a directory with a final name: complete, or not there at all.
type cache struct{ dir string }

const unfinished = ".unfinished"

func (c cache) name(stage, edition, key string) string {
	return filepath.Join(c.dir, stage+"-"+edition+"-"+key)
}

func (c cache) has(stage, edition, key string) bool {
	_, err := os.Stat(c.name(stage, edition, key))
	return err == nil
}

// get returns the directory of a result, making it with work first when it is not there.
func (c cache) get(p *Progress, stage, edition, key string, work func(dir string) error) (string, error) {
	final := c.name(stage, edition, key)
	if c.has(stage, edition, key) {
		p.hit()
		now := time.Now()
		return final, os.Chtimes(final, now, now) // the newest are kept
	}
	tmp := final + unfinished
	if err := remake(tmp); err != nil {
		return "", err
	}
	if err := work(tmp); err != nil {
		return "", errors.Join(err, remove(tmp))
	}
	if err := syncAll(tmp); err != nil {
		return "", err
	}
	if err := os.Rename(tmp, final); err != nil {
		return "", err
	}
	return final, c.prune(stage, edition)
}

// syncAll writes the file system's data to the disk: a result that has its final name must be whole after a power cut.
func syncAll(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := unix.Syncfs(int(d.Fd())); err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}

func remake(dir string) error {
	if err := remove(dir); err != nil {
		return err
	}
	return os.MkdirAll(dir, 0o755)
}

// remove deletes a tree, never what is mounted in it: that is detached first, whoever left it.
func remove(dir string) error {
	table, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return fmt.Errorf("remove %s: %w", dir, err)
	}
	for _, m := range mountsBelow(string(table), dir) {
		if err := syscall.Unmount(m, syscall.MNT_DETACH); err != nil {
			return fmt.Errorf("unmount %s: %w", m, err)
		}
	}
	return os.RemoveAll(dir)
}

// mountsBelow are the mount points at and below dir, the last one mounted first. The table writes blanks and the like in
// octal, which a build directory must not have.
func mountsBelow(table, dir string) []string {
	var found []string
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) > 1 && (f[1] == dir || strings.HasPrefix(f[1], dir+"/")) {
			found = append(found, f[1])
		}
	}
	slices.Reverse(found)
	return found
}

// prune removes all but the newest results of a stage.
func (c cache) prune(stage, edition string) error {
	names, err := filepath.Glob(c.name(stage, edition, "*"))
	if err != nil {
		return err
	}
	names = slices.DeleteFunc(names, func(n string) bool { return strings.HasSuffix(n, unfinished) })
	slices.SortFunc(names, func(a, b string) int { return modified(b).Compare(modified(a)) })
	for _, old := range names[min(keep, len(names)):] {
		if err := remove(old); err != nil {
			return err
		}
	}
	return nil
}

func modified(name string) time.Time {
	info, err := os.Stat(name)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// sweep removes what a build that was killed left behind. The caller holds the lock.
func (c cache) sweep() error {
	names, err := filepath.Glob(filepath.Join(c.dir, "*"+unfinished))
	if err != nil {
		return err
	}
	for _, n := range names {
		if err := remove(n); err != nil {
			return fmt.Errorf("remove what an earlier build left: %w", err)
		}
	}
	return nil
}

// lock keeps a second build out of the same directory until unlock is called.
func (c cache) lock() (unlock func() error, err error) {
	held, err := (&host.Host{Root: c.dir}).Lock("/lock")
	if errors.Is(err, host.ErrLocked) {
		return nil, fmt.Errorf("another build is running in %s", filepath.Dir(c.dir))
	}
	if err != nil {
		return nil, err
	}
	return held.Close, nil
}

// digest names the content of files: paths, and what is in them.
func digest(files fs.FS, under ...string) (string, error) {
	sums := map[string]string{}
	for _, dir := range under {
		err := fs.WalkDir(files, dir, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := fs.ReadFile(files, name)
			sums[name] = keyOf(data)
			return err
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("read %s: %w", dir, err)
		}
	}
	return keyOf(sums), nil
}
