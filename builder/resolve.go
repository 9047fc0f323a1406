package builder

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"debvisor/config"
	"debvisor/internal/exit"
	"debvisor/internal/host"
	"debvisor/internal/iso"
)

// Lock is exactly which packages an image is made of.
type Lock struct {
	Requested []string `json:"requested"`
	Packages  []Locked `json:"packages"` // sorted by name
}

// Locked is one package in one version.
type Locked struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Arch    string `json:"arch"`
	Size    int64  `json:"size"` // bytes to download
	SHA256  string `json:"sha256"`
	stanza  string // its entry in the archive's index
}

// File is the name that apt gives the downloaded package.
func (l Locked) File() string {
	return fmt.Sprintf("%s_%s_%s.deb", l.Name, strings.ReplaceAll(l.Version, ":", "%3a"), l.Arch)
}

// Size is what all packages are to download, in bytes.
func (l *Lock) Size() int64 {
	var n int64
	for _, p := range l.Packages {
		n += p.Size
	}
	return n
}

func (b *Builder) readConfig(name string) ([]byte, error) {
	data, err := fs.ReadFile(b.Files, name)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return data, nil
}

// resolve asks the archive's indexes what the edition's packages come to. A package that does not exist is an error here,
// before anything is downloaded.
func (b *Builder) resolve(ctx context.Context) (*Lock, error) {
	if err := b.startLog("resolve"); err != nil {
		return nil, err
	}
	if err := b.prepareApt(ctx); err != nil {
		return nil, err
	}
	if !b.Offline {
		if err := b.updateIndexes(ctx); err != nil {
			return nil, err
		}
	}
	wanted, err := b.image.Packages(b.Files, b.Edition)
	if err != nil {
		return nil, err
	}
	if err := b.checkPackages(ctx, wanted); err != nil {
		return nil, err
	}
	return b.lock(ctx, wanted)
}

func (b *Builder) updateIndexes(ctx context.Context) error {
	_, err := b.run(ctx, work{log: "resolve", env: b.apt().env(), args: []string{"apt-get", "--error-on=any", "update"},
		line: func(s string) { b.progress.update(-1, s) }})
	return err
}

// aptRun runs an apt command that only looks.
func (b *Builder) aptRun(ctx context.Context, args ...string) ([]byte, error) {
	return b.runner.Run(ctx, host.Cmd{Args: args, Env: b.apt().env()})
}

// checkPackages reports every wanted package that can't be installed, with the line that asks for it.
func (b *Builder) checkPackages(ctx context.Context, wanted []config.Package) error {
	out, err := b.aptRun(ctx, append([]string{"apt-cache", "policy"}, packageNames(wanted)...)...)
	if err != nil {
		return err
	}
	there := candidates(string(out))
	var missing []string
	for _, p := range wanted {
		if !there[p.Name] {
			missing = append(missing, fmt.Sprintf("%s: no package %q in %s (%s)", place(p), p.Name, b.image.Suite, strings.Join(b.image.Archive.Components, ", ")))
		}
	}
	if len(missing) > 0 {
		return exit.With(exit.Usage, fmt.Errorf("%s", strings.Join(missing, "\n")))
	}
	return nil
}

func place(p config.Package) string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

func packageNames(packages []config.Package) []string {
	all := make([]string, len(packages))
	for i, p := range packages {
		all[i] = p.Name
	}
	return all
}

// candidates reads "apt-cache policy": which packages have a version that could be installed.
func candidates(policy string) map[string]bool {
	there, name := map[string]bool{}, ""
	for line := range strings.Lines(policy) {
		line = strings.TrimRight(line, "\n")
		if n, ok := strings.CutSuffix(line, ":"); ok && !strings.HasPrefix(line, " ") {
			name = n
		}
		if v, ok := strings.CutPrefix(line, "  Candidate: "); ok && v != "(none)" {
			there[name] = true
		}
	}
	return there
}

// base are patterns for what every Debian system has.
var base = []string{"?essential", "?priority(required)"}

var planned = regexp.MustCompile(`(?m)^Inst (\S+) \((\S+) `)

// lock lets apt choose versions and dependencies for an empty system.
func (b *Builder) lock(ctx context.Context, wanted []config.Package) (*Lock, error) {
	requested := packageNames(wanted)
	out, err := b.aptRun(ctx, slices.Concat([]string{"apt-get", "install", "--simulate"}, base, requested)...)
	if err != nil {
		return nil, err
	}
	args := []string{"apt-cache", "show"}
	for _, m := range planned.FindAllStringSubmatch(string(out), -1) {
		args = append(args, m[1]+"="+m[2])
	}
	if len(args) == 2 {
		return nil, fmt.Errorf("apt would install nothing")
	}
	if out, err = b.aptRun(ctx, args...); err != nil {
		return nil, err
	}
	packages, err := parseStanzas(string(out))
	if err != nil {
		return nil, err
	}
	if got := len(packages); got != len(args)-2 {
		return nil, fmt.Errorf("apt would install %d packages, its index describes %d of them", len(args)-2, got)
	}
	return &Lock{Requested: requested, Packages: packages}, nil
}

// parseStanzas reads "apt-cache show".
func parseStanzas(text string) ([]Locked, error) {
	var all []Locked
	for stanza := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		p := Locked{stanza: strings.TrimSpace(stanza) + "\n"}
		var size string
		for key, to := range map[string]*string{"Package": &p.Name, "Version": &p.Version, "Architecture": &p.Arch, "Size": &size, "SHA256": &p.SHA256} {
			*to = field(p.stanza, key)
		}
		var err error
		if p.Size, err = strconv.ParseInt(size, 10, 64); err != nil || p.Name == "" || len(p.SHA256) != 64 {
			return nil, fmt.Errorf("read apt's index: the entry of %q has no size or hash", p.Name)
		}
		all = append(all, p)
	}
	slices.SortFunc(all, func(x, y Locked) int { return strings.Compare(x.Name, y.Name) })
	return slices.CompactFunc(all, func(x, y Locked) bool { return x.Name == y.Name && x.Version == y.Version && x.Arch == y.Arch }), nil
}

func field(stanza, key string) string {
	for line := range strings.Lines(stanza) {
		if v, ok := strings.CutPrefix(line, key+": "); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// missing are the packages that are not downloaded yet, or not as they must be.
func (a apt) missing(lock *Lock) []Locked {
	return slices.DeleteFunc(slices.Clone(lock.Packages), func(p Locked) bool {
		sum, err := sumFile(iso.File{Source: filepath.Join(a.debs, p.File())})
		return err == nil && sum.SHA256 == p.SHA256
	})
}

// fetch downloads what is missing and returns when the newest of the packages was built: the time that everything in the
// image is set to, the same for the same packages wherever and whenever they are put together.
func (b *Builder) fetch(ctx context.Context, lock *Lock) (time.Time, error) {
	missing := b.apt().missing(lock)
	if len(missing) == 0 {
		b.progress.hit()
	} else if err := b.download(ctx, missing); err != nil {
		return time.Time{}, err
	}
	if left := b.apt().missing(lock); len(left) > 0 {
		return time.Time{}, fmt.Errorf("%d packages are still missing after the download, %s for one", len(left), left[0].File())
	}
	return b.epoch(lock)
}

func (b *Builder) download(ctx context.Context, missing []Locked) error {
	if err := b.startLog("fetch"); err != nil {
		return err
	}
	args := []string{"apt-get", "--yes", "--download-only", "install"}
	for _, p := range missing {
		// apt takes a file of the right name and size for the package, and then refuses its content for ever.
		if err := os.Remove(filepath.Join(b.apt().debs, p.File())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		args = append(args, p.Name+"="+p.Version)
	}
	n := 0
	_, err := b.run(ctx, work{log: "fetch", env: b.apt().env(), args: args, line: func(s string) {
		if strings.HasPrefix(s, "Get:") {
			n++
			b.progress.update(min(100, 100*n/len(missing)), s)
		}
	}})
	return err
}

// epoch does not heed SOURCE_DATE_EPOCH: an image would then differ by the commit it was built from, or its cached parts
// would have another time than the rest.
func (b *Builder) epoch(lock *Lock) (time.Time, error) {
	var newest time.Time
	for _, p := range lock.Packages {
		t, err := debTime(filepath.Join(b.apt().debs, p.File()))
		if err != nil {
			return time.Time{}, err
		}
		if t.After(newest) {
			newest = t
		}
	}
	return newest, nil
}

// debTime reads when a package was built: the time of the first member of the archive that it is.
func debTime(name string) (time.Time, error) {
	f, err := os.Open(name)
	if err != nil {
		return time.Time{}, err
	}
	defer f.Close()
	return arTime(bufio.NewReaderSize(f, 128), name)
}

func arTime(r io.Reader, name string) (time.Time, error) {
	head := make([]byte, 8+60)
	if _, err := io.ReadFull(r, head); err != nil || !bytes.HasPrefix(head, []byte("!<arch>\ndebian-binary")) {
		return time.Time{}, fmt.Errorf("read %s: not a Debian package", name)
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(head[8+16:8+28])), 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("read %s: its time is no number", name)
	}
	return time.Unix(n, 0).UTC(), nil
}
