package builder

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"debvisor/internal/collection"
	"debvisor/internal/exit"
	"debvisor/internal/host"
	"debvisor/internal/names"
	"debvisor/internal/report"
)

// tools are the programs that a build runs, and the packages they come from.
var tools = []struct{ name, pkg string }{
	{"mmdebstrap", "mmdebstrap"},
	{"mksquashfs", "squashfs-tools"},
	{"apt-get", "apt"},
	{"dpkg", "dpkg"},
	{"setpriv", "util-linux"},
	{"unshare", "util-linux"},
	{"cp", "coreutils"},
}

// room is how many bytes a build of an edition needs at most: packages, two trees, squashfs and ISO, each twice.
var room = map[string]int64{"minimal": 5 << 30}

const roomOther = 16 << 30

// check finds everything that would stop the build later, before anything is downloaded, and opens the key.
func (b *Builder) check() (*signer, error) {
	problems := []error{b.checkEdition(), b.checkUser(), b.checkDir(), b.checkPayload()}
	for _, t := range tools {
		if _, err := host.Find(t.name); err != nil {
			problems = append(problems, fmt.Errorf("%s is not installed: apt-get install %s", t.name, t.pkg))
		}
	}
	if _, err := os.Stat(keyring); err != nil {
		problems = append(problems, fmt.Errorf("%s is not there: apt-get install debian-archive-keyring", keyring))
	}
	key, err := b.openKey()
	problems = append(problems, err)
	if err := errors.Join(problems...); err != nil {
		return nil, exit.With(exit.Usage, err)
	}
	if key.development {
		b.progress.note("NOTE: signing with the local development key %s.\nNOTE: anybody may make such a key; give --key for an image that others are to trust.", key.path)
	}
	return key, nil
}

func (b *Builder) checkEdition() error {
	if _, ok := b.image.Editions[b.Edition]; ok {
		return nil
	}
	known := slices.Sorted(maps.Keys(b.image.Editions))
	hint := "there are " + strings.Join(known, ", ")
	if near := report.Nearest(b.Edition, known); near != "" {
		hint = fmt.Sprintf("did you mean %s?", near)
	}
	return fmt.Errorf("no edition %q: %s", b.Edition, hint)
}

func (b *Builder) checkUser() error {
	if os.Geteuid() != 0 {
		return errors.New("building a root file system needs root: run it with sudo")
	}
	return nil
}

// checkDir: apt and mmdebstrap take settings in which blanks and quotes have a meaning.
func (b *Builder) checkDir() error {
	if strings.ContainsAny(b.Dir, " \t\n\"'\\,;{}[]%") {
		return fmt.Errorf("the build directory %q must not have blanks or any of \"'\\,;{}[]%% in its path", b.Dir)
	}
	if err := os.MkdirAll(b.Dir, 0o755); err != nil {
		return err
	}
	probe, err := os.CreateTemp(b.Dir, ".probe")
	if err != nil {
		return fmt.Errorf("the build directory cannot be written: %w", err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()), b.checkRoom())
}

func (b *Builder) checkRoom() error {
	var st syscall.Statfs_t
	if err := syscall.Statfs(b.Dir, &st); err != nil {
		return fmt.Errorf("look at the free space of %s: %w", b.Dir, err)
	}
	need, ok := room[b.Edition]
	if !ok {
		need = roomOther
	}
	if used, err := usage(b.cache.dir); err == nil {
		need = max(need-used, need/4) // what is cached does not come again
	}
	if free := int64(st.Bavail) * st.Bsize; free < need {
		return fmt.Errorf("%s has %s free, the build needs %s", b.Dir, size(free), size(need))
	}
	return nil
}

// usage is how many bytes the files of the cache have, as far down as is cheap to look.
func usage(dir string) (int64, error) {
	var n int64
	names, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	for _, name := range names {
		if info, err := os.Lstat(name); err == nil && info.Mode().IsRegular() {
			n += info.Size()
		}
	}
	return n, err
}

func (b *Builder) checkPayload() error {
	var missing []string
	for _, p := range append(slices.Clone(names.Binaries), collection.BinaryFor(b.image.Architecture), payloadNotices) {
		if _, err := fs.Stat(b.Payload, filepath.Base(p)); err != nil {
			missing = append(missing, filepath.Base(p))
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("this builder was compiled without %s: run make build", strings.Join(missing, ", "))
	}
	return nil
}

// size is bytes for people.
func size(n int64) string {
	if n >= 1e9 {
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}
