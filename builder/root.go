package builder

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"debvisor/internal/host"
)

// rootTree is a Debian system with the edition's packages and an initramfs, as Debian makes it.
type rootTree struct {
	key, dir string
	epoch    time.Time
}

// early are the parts of the overlay that the initramfs is made from; the rest does not concern the root stage.
var early = []string{"overlay/etc/initramfs-tools", "overlay/etc/modprobe.d", "overlay/etc/modules-load.d", "overlay/etc/live", "overlay/usr/lib/live"}

// pathFilters are dpkg's settings for what is left out, now and on a node later.
func (b *Builder) pathFilters() []string {
	var lines []string
	for _, p := range b.image.Exclude {
		lines = append(lines, "path-exclude="+p)
	}
	for _, p := range b.image.Keep {
		lines = append(lines, "path-include="+p)
	}
	return lines
}

// rootVersion changes when the same inputs are to give another tree.
const rootVersion = 2

func (b *Builder) root(ctx context.Context, lock *Lock, epoch time.Time) (rootTree, error) {
	initramfs, err := digest(b.Files, early...)
	if err != nil {
		return rootTree{}, err
	}
	key := b.rootKey(lock, initramfs)
	dir, err := b.cache.get(b.progress, "root", b.Edition, key, func(dir string) error {
		return b.makeRoot(ctx, lock, epoch, dir)
	})
	return rootTree{key: key, dir: dir, epoch: epoch}, err
}

func (b *Builder) rootKey(lock *Lock, initramfs string) string {
	return keyOf(rootVersion, b.image.Suite, b.image.Architecture, lock, b.pathFilters(), initramfs)
}

func (b *Builder) makeRoot(ctx context.Context, lock *Lock, epoch time.Time, dir string) error {
	if err := b.startLog("root"); err != nil {
		return err
	}
	repo := filepath.Join(b.cache.dir, "repository"+unfinished)
	if err := b.writeRepository(repo, lock, epoch); err != nil {
		return err
	}
	_, err := b.run(ctx, work{log: "root", env: append(b.rootEnv(epoch), "TMPDIR="+repo), args: apart(b.mmdebstrap(lock, repo, dir)...), line: b.countPackages(lock)})
	if err != nil {
		return errors.Join(err, remove(repo))
	}
	return errors.Join(remove(repo), b.makeInitramfs(ctx, epoch, dir))
}

// rootEnv: with INITRD=No the kernel's installation makes no initramfs; it is made once, when everything is there.
func (b *Builder) rootEnv(epoch time.Time) []string {
	return []string{"SOURCE_DATE_EPOCH=" + strconv.FormatInt(epoch.Unix(), 10), "LC_ALL=C", "TZ=UTC", "INITRD=No", "DEBIAN_FRONTEND=noninteractive"}
}

// mmdebstrap installs from a repository that has just the locked packages, so it needs no network and cannot choose
// other versions.
func (b *Builder) mmdebstrap(lock *Lock, repo, dir string) []string {
	args := []string{"mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory",
		"--architectures=" + b.image.Architecture, `--aptopt=APT::Install-Recommends "false"`, "--dpkgopt=force-unsafe-io"}
	for _, e := range b.pathFilters() {
		args = append(args, "--dpkgopt="+e)
	}
	return append(args, "--include="+strings.Join(lock.Requested, ","), b.image.Suite, dir, "deb [trusted=yes] copy://"+repo+" ./")
}

// countPackages makes progress out of dpkg's lines: each package is unpacked and set up.
func (b *Builder) countPackages(lock *Lock) func(string) {
	n := 0
	return func(s string) {
		if strings.HasPrefix(s, "Unpacking ") || strings.HasPrefix(s, "Setting up ") {
			n++
		}
		b.progress.update(min(99, 100*n/(2*len(lock.Packages))), s)
	}
}

// writeRepository makes a flat repository of hard links to the downloaded packages. apt checks each package against the
// hash in the index, which came from the archive's signed one.
func (b *Builder) writeRepository(dir string, lock *Lock, epoch time.Time) error {
	if err := remake(dir); err != nil {
		return err
	}
	var index strings.Builder
	for _, p := range lock.Packages {
		if err := os.Link(filepath.Join(b.apt().debs, p.File()), filepath.Join(dir, p.File())); err != nil {
			return err
		}
		index.WriteString(relocate(p) + "\n")
	}
	return writeFiles(dir, map[string][]byte{
		"Packages": []byte(index.String()),
		"Release":  []byte(release(b.image.Suite, b.image.Architecture, index.String(), epoch)),
	})
}

// relocate is a package's entry in the index with its place in the flat repository.
func relocate(p Locked) string {
	var s strings.Builder
	for line := range strings.Lines(p.stanza) {
		if strings.HasPrefix(line, "Filename: ") {
			line = "Filename: ./" + p.File() + "\n"
		}
		s.WriteString(line)
	}
	return s.String()
}

// release gives the repository a suite, by which mmdebstrap picks the essential packages.
func release(suite, arch, index string, epoch time.Time) string {
	return fmt.Sprintf("Origin: DebVisor\nSuite: %[1]s\nCodename: %[1]s\nArchitectures: %[2]s\nDate: %[3]s\nSHA256:\n %[4]x %[5]d Packages\n",
		suite, arch, epoch.UTC().Format("Mon, 02 Jan 2006 15:04:05 UTC"), sha256.Sum256([]byte(index)), len(index))
}

// makeInitramfs puts the files that concern it into the tree and makes it for the one kernel.
func (b *Builder) makeInitramfs(ctx context.Context, epoch time.Time, dir string) error {
	if err := b.copyOverlay(ctx, &host.Host{Root: dir, Runner: b.runner}, early...); err != nil {
		return err
	}
	if err := removeSecrets(dir); err != nil {
		return err
	}
	kernel, err := kernelVersion(dir)
	if err != nil {
		return err
	}
	b.progress.update(99, "initramfs for "+kernel)
	env := []string{"SOURCE_DATE_EPOCH=" + strconv.FormatInt(epoch.Unix(), 10)}
	_, err = b.run(ctx, work{log: "root", env: env, args: inside(dir, "update-initramfs", "-c", "-k", kernel)})
	return err
}

// kernelVersion is the version of the one kernel in a tree.
func kernelVersion(dir string) (string, error) {
	kernels, err := filepath.Glob(filepath.Join(dir, "boot", "vmlinuz-*"))
	if err != nil {
		return "", err
	}
	if len(kernels) != 1 {
		return "", fmt.Errorf("the root file system has %d kernels, it must have one", len(kernels))
	}
	return strings.TrimPrefix(filepath.Base(kernels[0]), "vmlinuz-"), nil
}
