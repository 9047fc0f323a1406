package config

import (
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"debvisor/internal/pattern"
	"debvisor/internal/report"
)

// Files are image.yaml, packages/, overlay/, overlay.modes and boot/ as they were when the program was built.
//
//go:embed image.yaml profiles.yaml packages all:overlay overlay.modes boot
var Files embed.FS

// ImageFile is where an image is described, in Files or a copy of it.
const ImageFile = "image.yaml"

// Image is what goes into an installer image.
type Image struct {
	Version           int                `yaml:"version" doc:"version of this format: 1"`
	Suite             string             `yaml:"suite" doc:"Debian release, such as trixie"`
	Architecture      string             `yaml:"architecture" doc:"amd64"`
	VolumeLabel       string             `yaml:"volume_label" doc:"beginning of the volume id; the build's id is added"`
	Archive           Archive            `yaml:"archive" doc:"where Debian's packages come from"`
	ExtraRepositories []Repository       `yaml:"extra_repositories" doc:"the operator's own package sources"`
	KernelCommandLine string             `yaml:"kernel_command_line" doc:"of the installed system"`
	LiveCommandLine   string             `yaml:"live_command_line" doc:"of the live system"`
	Compression       Compression        `yaml:"compression" doc:"of the root file system"`
	Exclude           []string           `yaml:"exclude" doc:"files of packages that dpkg leaves out, as patterns"`
	Keep              []string           `yaml:"keep" doc:"exceptions from exclude"`
	Editions          map[string]Edition `yaml:"editions" doc:"what can be built"`
}

// Archive is a Debian mirror.
type Archive struct {
	Mirror     string   `yaml:"mirror" doc:"URI of the archive"`
	Security   string   `yaml:"security" doc:"URI of the security updates"`
	Components []string `yaml:"components" doc:"such as main, contrib, non-free-firmware"`
}

// Repository is a package source that an operator adds.
type Repository struct {
	Name       string   `yaml:"name" doc:"short name"`
	Enabled    bool     `yaml:"enabled" doc:"used only when true"`
	URI        string   `yaml:"uri" doc:"URI of the repository"`
	Suite      string   `yaml:"suite" doc:"its suite"`
	Components []string `yaml:"components" doc:"its components"`
	SignedBy   string   `yaml:"signed_by" doc:"key file, below the configuration"`
	Packages   []string `yaml:"packages" doc:"packages to install from it"`
}

// Compression of the root file system.
type Compression struct {
	Algorithm string `yaml:"algorithm" doc:"zstd"`
	Level     int    `yaml:"level" doc:"1 to 22"`
}

// Edition is a set of package lists.
type Edition struct {
	Packages []string `yaml:"packages" doc:"names of package lists"`
	Profiles []string `yaml:"profiles" doc:"storage profiles that it serves"`
	// RecordsOnly editions need not have what their profiles are provisioned with.
	RecordsOnly bool `yaml:"records_only" doc:"true: a profile is recorded, its storage is not provisioned"`
}

// Package is a package that an image is to have, and where that is said.
type Package struct {
	Name string
	File string
	Line int // 0 where the file gives no line
}

var (
	packageName = pattern.Lazy(`^[a-z0-9][a-z0-9+.-]+$`)
	shortName   = pattern.Lazy(`^[a-z0-9][a-z0-9-]*$`)
	suiteName   = pattern.Lazy(`^[a-z][a-z0-9-]*$`)
	labelPrefix = pattern.Lazy(`^[A-Z][A-Z0-9_]{0,22}$`) // 32 less "_" and 8 of the build id
)

// LoadImage reads and checks image.yaml and all package lists below files. The error has everything that is wrong.
func LoadImage(files fs.FS) (*Image, error) {
	data, err := fs.ReadFile(files, ImageFile)
	if err != nil {
		return nil, fmt.Errorf("read the image's description: %w", err)
	}
	img := &Image{}
	r := report.Decode(ImageFile, data, img)
	img.check(r, files)
	return img, r.Err()
}

func (img *Image) check(r *report.Report, files fs.FS) {
	if img.Version != 1 {
		r.Add("version", "write version: 1", "must be 1")
	}
	if !suiteName().MatchString(img.Suite) {
		r.Add("suite", "write suite: trixie", "%q is not a Debian release", img.Suite)
	}
	if img.Architecture != "amd64" {
		r.Add("architecture", "write architecture: amd64", "%q is not supported", img.Architecture)
	}
	if !labelPrefix().MatchString(img.VolumeLabel) {
		r.Add("volume_label", "", "must be 1 to 23 of A-Z, 0-9 and _, not %q", img.VolumeLabel)
	}
	if img.Compression.Algorithm != "zstd" {
		r.Add("compression.algorithm", "write zstd", "%q is not supported", img.Compression.Algorithm)
	}
	if l := img.Compression.Level; l < 1 || l > 22 {
		r.Add("compression.level", "", "must be 1 to 22, not %d", l)
	}
	checkPatterns(r, "exclude", img.Exclude)
	checkPatterns(r, "keep", img.Keep)
	img.Archive.check(r)
	img.checkRepositories(r, files)
	img.checkEditions(r, files)
}

func checkPatterns(r *report.Report, at string, patterns []string) {
	for i, p := range patterns {
		if !path.IsAbs(p) || strings.ContainsAny(p, " \t\n") {
			r.Add(fmt.Sprintf("%s[%d]", at, i), "such as /usr/share/man/*", "%q is not an absolute path without blanks", p)
		}
	}
}

func (a Archive) check(r *report.Report) {
	checkURI(r, "archive.mirror", a.Mirror)
	checkURI(r, "archive.security", a.Security)
	if len(a.Components) == 0 {
		r.Add("archive.components", "write [main]", "no component is named")
	}
}

func checkURI(r *report.Report, path, uri string) {
	scheme, rest, _ := strings.Cut(uri, "://")
	if !slices.Contains([]string{"http", "https", "file", "copy"}, scheme) || rest == "" || strings.ContainsAny(uri, " \t\n[]\"") {
		r.Add(path, "such as http://deb.debian.org/debian", "%q is not an address of packages", uri)
	}
}

func (img *Image) checkRepositories(r *report.Report, files fs.FS) {
	for i, repo := range img.ExtraRepositories {
		at := fmt.Sprintf("extra_repositories[%d]", i)
		if !shortName().MatchString(repo.Name) {
			r.Add(at+".name", "", "%q is not a short name of a-z, 0-9 and -", repo.Name)
		}
		checkURI(r, at+".uri", repo.URI)
		for j, name := range repo.Packages {
			if !packageName().MatchString(name) {
				r.Add(fmt.Sprintf("%s.packages[%d]", at, j), "", "%q is not a package name", name)
			}
		}
		if !repo.Enabled {
			continue
		}
		if _, err := fs.Stat(files, repo.SignedBy); err != nil {
			r.Add(at+".signed_by", "put the repository's key there", "no such file in the configuration: %q", repo.SignedBy)
		}
	}
}

func (img *Image) checkEditions(r *report.Report, files fs.FS) {
	if len(img.Editions) == 0 {
		r.Add("editions", "", "none is defined")
	}
	for _, name := range slices.Sorted(maps.Keys(img.Editions)) {
		at := "editions." + name
		if !shortName().MatchString(name) {
			r.Add(at, "", "%q is not a short name of a-z, 0-9 and -", name)
		}
		if len(img.Editions[name].Packages) == 0 {
			r.Add(at, "", "has no package list")
		}
		for i, list := range img.Editions[name].Packages {
			img.checkList(r, files, fmt.Sprintf("%s.packages[%d]", at, i), list)
		}
		if len(img.Editions[name].Profiles) == 0 {
			r.Add(at, "list them as profiles: […]", "serves no storage profile, so it could not be installed")
		}
		for i, p := range img.Editions[name].Profiles {
			img.Editions[name].checkProfile(r, fmt.Sprintf("%s.profiles[%d]", at, i), p)
		}
	}
}

// checkProfile: an edition must bring what its profiles are provisioned with.
func (e Edition) checkProfile(r *report.Report, at, name string) {
	p, err := ProfileByName(name)
	if err != nil {
		oneOf(r, at, name, Profiles())
		return
	}
	for _, list := range p.Packages {
		if !e.RecordsOnly && !slices.Contains(e.Packages, list) {
			r.Add(at, "add the list, or say records_only: true", "profile %s needs the package list %s, which the edition does not have", name, list)
		}
	}
}

func (img *Image) checkList(r *report.Report, files fs.FS, at, list string) {
	packages, err := readList(files, list)
	if err != nil {
		r.Add(at, "", "%v", err)
	}
	for _, p := range packages {
		if !packageName().MatchString(p.Name) {
			r.Add(at, "", "%s:%d: %q is not a package name", p.File, p.Line, p.Name)
		}
	}
}

func listFile(list string) string { return path.Join("packages", list+".list") }

func readList(files fs.FS, list string) ([]Package, error) {
	data, err := fs.ReadFile(files, listFile(list))
	if err != nil {
		return nil, fmt.Errorf("no package list %s", listFile(list))
	}
	return parseList(listFile(list), string(data)), nil
}

// parseList reads a package a line; # begins a comment.
func parseList(file, text string) []Package {
	var packages []Package
	line := 0
	for s := range strings.Lines(text) {
		line++
		name, _, _ := strings.Cut(s, "#")
		if name = strings.TrimSpace(name); name != "" {
			packages = append(packages, Package{Name: name, File: file, Line: line})
		}
	}
	return packages
}

// Packages are what an edition asks for, sorted by name, each once, including those of enabled extra repositories.
func (img *Image) Packages(files fs.FS, edition string) ([]Package, error) {
	var all []Package
	for _, list := range img.Editions[edition].Packages {
		packages, err := readList(files, list)
		if err != nil {
			return nil, err
		}
		all = append(all, packages...)
	}
	for _, repo := range img.ExtraRepositories {
		for _, name := range repo.Packages {
			if repo.Enabled {
				all = append(all, Package{Name: name, File: ImageFile})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Package) int { return strings.Compare(a.Name, b.Name) })
	return slices.CompactFunc(all, func(a, b Package) bool { return a.Name == b.Name }), nil
}
