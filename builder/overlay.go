package builder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"debvisor"
	"debvisor/internal/host"
	"debvisor/internal/names"
	"debvisor/internal/version"
)

// overlayTree is the system as nodes get it.
type overlayTree struct {
	key, dir string
	epoch    time.Time
}

const overlayVersion = 4

func (b *Builder) overlay(ctx context.Context, lock *Lock, root rootTree, public []byte) (overlayTree, error) {
	key, err := b.overlayKey(lock, root.key, public)
	if err != nil {
		return overlayTree{}, err
	}
	if b.cache.has("squashfs", b.Edition, b.squashfsKey(key)) {
		b.progress.hit() // nobody needs the tree then
		return overlayTree{key: key, epoch: root.epoch}, nil
	}
	dir, err := b.cache.get(b.progress, "overlay", b.Edition, key, func(dir string) error {
		return b.makeOverlay(ctx, lock, root, public, dir)
	})
	return overlayTree{key: key, dir: dir, epoch: root.epoch}, err
}

func (b *Builder) overlayKey(lock *Lock, rootKey string, public []byte) (string, error) {
	files, err := digest(b.Files, "overlay", "overlay.modes")
	if err != nil {
		return "", err
	}
	programs, err := digest(b.Payload, ".")
	if err != nil {
		return "", err
	}
	shared, err := digest(debvisor.Files, ".")
	if err != nil {
		return "", err
	}
	return keyOf(overlayVersion, rootKey, files, shared, programs, public, b.info(lock), b.image.Archive, b.image.ExtraRepositories, names.Links, b.pathFilters()), nil
}

// info is what a node knows about its image.
func (b *Builder) info(lock *Lock) version.Image {
	return version.Image{Version: b.Version, Edition: b.Edition, Suite: b.image.Suite, Arch: b.image.Architecture, Commit: b.Commit,
		Profiles: b.profiles(), RecordsOnly: b.recordsOnly(), Packages: len(lock.Packages), KernelCommandLine: b.image.KernelCommandLine}
}

// profiles are the storage profiles that the edition serves.
func (b *Builder) profiles() []string { return b.image.Editions[b.Edition].Profiles }

// recordsOnly reports whether the edition lacks what its profiles are provisioned with.
func (b *Builder) recordsOnly() bool { return b.image.Editions[b.Edition].RecordsOnly }

func (b *Builder) makeOverlay(ctx context.Context, lock *Lock, root rootTree, public []byte, dir string) error {
	if err := b.startLog("overlay"); err != nil {
		return err
	}
	if _, err := b.run(ctx, work{log: "overlay", args: []string{"cp", "--archive", "--reflink=auto", root.dir + "/.", dir}}); err != nil {
		return err
	}
	h := &host.Host{Root: dir, Runner: b.runner}
	wants, err := b.ownFiles(lock, public)
	if err != nil {
		return err
	}
	changes, err := h.Need(wants...)
	if err != nil {
		return err
	}
	if err := h.Apply(ctx, changes); err != nil {
		return err
	}
	if err := b.copyOverlay(ctx, h, "overlay"); err != nil {
		return err
	}
	if _, err := b.run(ctx, work{log: "overlay", args: inside(dir, "systemctl", "preset-all")}); err != nil {
		return err
	}
	if err := scrub(dir); err != nil {
		return err
	}
	return checkClean(dir)
}

// ownFiles are those that are made here and not in config/.
func (b *Builder) ownFiles(lock *Lock, public []byte) ([]host.Want, error) {
	info, err := json.MarshalIndent(b.info(lock), "", "  ")
	if err != nil {
		return nil, err
	}
	wants := []host.Want{
		host.File{Path: version.ImageFile, Content: string(info) + "\n", Mode: 0o644},
		host.File{Path: version.KeyFile, Content: string(public), Mode: 0o644},
		host.File{Path: "/etc/dpkg/dpkg.cfg.d/debvisor", Content: strings.Join(b.pathFilters(), "\n") + "\n", Mode: 0o644},
		host.File{Path: "/etc/apt/sources.list.d/debian.sources", Content: b.debSources(), Mode: 0o644},
		host.Absent{Path: "/etc/dpkg/dpkg.cfg.d/99mmdebstrap"},
		host.Absent{Path: "/etc/apt/apt.conf.d/99mmdebstrap"},
		host.Absent{Path: "/etc/apt/sources.list"},
		host.File{Path: "/etc/hostname", Content: imageHostname, Mode: 0o644},
	}
	for _, p := range names.Binaries {
		data, err := fs.ReadFile(b.Payload, path.Base(p))
		if err != nil {
			return nil, err
		}
		wants = append(wants, host.File{Path: p, Content: string(data), Mode: 0o755})
	}
	for _, l := range names.Links {
		wants = append(wants, host.Symlink{Path: l.Path, Target: l.Target})
	}
	shared, err := b.sharedFiles()
	if err != nil {
		return nil, err
	}
	extra, err := b.extraSources()
	return append(append(wants, shared...), extra...), err
}

// debSources is where a node gets its updates from.
func (b *Builder) debSources() string {
	a := b.image.Archive
	components := strings.Join(a.Components, " ")
	return fmt.Sprintf("Types: deb\nURIs: %s\nSuites: %s %s-updates\nComponents: %s\nSigned-By: %s\n\nTypes: deb\nURIs: %s\nSuites: %s-security\nComponents: %s\nSigned-By: %s\n",
		a.Mirror, b.image.Suite, b.image.Suite, components, keyring, a.Security, b.image.Suite, components, keyring)
}

// extraSources are the operator's own repositories, with their keys.
func (b *Builder) extraSources() ([]host.Want, error) {
	var wants []host.Want
	for _, r := range b.image.ExtraRepositories {
		if !r.Enabled {
			continue
		}
		data, err := b.readConfig(r.SignedBy)
		if err != nil {
			return nil, err
		}
		key := "/etc/apt/keyrings/" + r.Name + path.Ext(r.SignedBy)
		text := fmt.Sprintf("Types: deb\nURIs: %s\nSuites: %s\nComponents: %s\nSigned-By: %s\n", r.URI, r.Suite, strings.Join(r.Components, " "), key)
		wants = append(wants,
			host.File{Path: key, Content: string(data), Mode: 0o644},
			host.File{Path: "/etc/apt/sources.list.d/" + r.Name + ".sources", Content: text, Mode: 0o644})
	}
	return wants, nil
}

// copyOverlay puts the files below the given parts of the overlay into a tree, with the modes of overlay.modes.
func (b *Builder) copyOverlay(ctx context.Context, h *host.Host, parts ...string) error {
	modes, err := b.modes()
	if err != nil {
		return err
	}
	var wants []host.Want
	for _, part := range parts {
		err := fs.WalkDir(b.Files, part, func(name string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) && name == part {
				return fs.SkipAll
			}
			if err != nil || name == "overlay" {
				return err
			}
			want, err := b.overlayWant(name, d, modes)
			if want != nil {
				wants = append(wants, want)
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("read %s: %w", part, err)
		}
	}
	changes, err := h.Need(wants...)
	if err != nil {
		return err
	}
	return h.Apply(ctx, changes)
}

// overlayWant: directories that Debian has already keep their mode unless overlay.modes says otherwise; .keep is there
// because git has no empty directories.
func (b *Builder) overlayWant(name string, d fs.DirEntry, modes map[string]mode) (host.Want, error) {
	target := strings.TrimPrefix(name, "overlay")
	m, special := modes[target]
	switch {
	case d.Name() == ".keep":
		return nil, nil
	case d.IsDir() && special:
		return host.Dir{Path: target, Mode: m.perm, Owner: m.owner}, nil
	case d.IsDir():
		return nil, nil
	}
	data, err := fs.ReadFile(b.Files, name)
	if !special {
		m = mode{perm: 0o644}
	}
	return host.File{Path: target, Content: string(data), Mode: m.perm, Owner: m.owner}, err
}

// mode is a line of overlay.modes.
type mode struct {
	perm  fs.FileMode
	owner string
}

func (b *Builder) modes() (map[string]mode, error) {
	data, err := b.readConfig("overlay.modes")
	if err != nil {
		return nil, err
	}
	return parseModes(string(data))
}

// parseModes reads "path mode owner" lines: modes of four octal digits, owners as user:group.
func parseModes(text string) (map[string]mode, error) {
	modes, n := map[string]mode{}, 0
	for line := range strings.Lines(text) {
		n++
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		if len(f) != 3 || !strings.Contains(f[2], ":") {
			return nil, fmt.Errorf("overlay.modes:%d: want a path, a mode and an owner", n)
		}
		bits, err := strconv.ParseUint(f[1], 8, 12)
		if err != nil {
			return nil, fmt.Errorf("overlay.modes:%d: %q is not a mode", n, f[1])
		}
		modes[path.Join("/", f[0])] = mode{perm: permissions(bits), owner: f[2]}
	}
	return modes, nil
}

// permissions turns the bits that chmod knows into Go's.
func permissions(bits uint64) fs.FileMode {
	m := fs.FileMode(bits & 0o777)
	for bit, special := range map[uint64]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if bits&bit != 0 {
			m |= special
		}
	}
	return m
}
