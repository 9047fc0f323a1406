package config

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func TestTheEmbeddedImageIsFreeOfMistakes(t *testing.T) {
	img, err := LoadImage(Files)
	if err != nil {
		t.Fatal(err)
	}
	for name := range img.Editions {
		packages, err := img.Packages(Files, name)
		if err != nil {
			t.Fatal(err)
		}
		if len(packages) < 20 {
			t.Errorf("edition %s has %d packages", name, len(packages))
		}
	}
}

// Sockets and timers are part of every system that starts; only systemd's own may be in the live one.
func TestTheLiveSystemStartsNoneOfTheNodesSocketsAndTimers(t *testing.T) {
	img, err := LoadImage(Files)
	if err != nil {
		t.Fatal(err)
	}
	preset, err := fs.ReadFile(Files, "overlay/etc/systemd/system-preset/00-debvisor.preset")
	if err != nil {
		t.Fatal(err)
	}
	masked := strings.Fields(img.LiveCommandLine)
	if !slices.Contains(masked, "systemd.mask=timers.target") {
		t.Error("timers run")
	}
	for line := range strings.Lines(string(preset)) {
		unit, enabled := strings.CutPrefix(strings.TrimSpace(line), "enable ")
		if enabled && strings.HasSuffix(unit, ".socket") && !strings.HasPrefix(unit, "systemd-") && !slices.Contains(masked, "systemd.mask="+unit) {
			t.Errorf("%s is started", unit)
		}
	}
}

func TestEveryPackageListIsInAnEdition(t *testing.T) {
	img, err := LoadImage(Files)
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, e := range img.Editions {
		for _, list := range e.Packages {
			used[listFile(list)] = true
		}
	}
	lists, err := fs.Glob(Files, "packages/*.list")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lists {
		if !used[l] {
			t.Errorf("%s: no edition has it", l)
		}
	}
}

func TestAllMistakesOfAnImageAreReported(t *testing.T) {
	files := fstest.MapFS{
		ImageFile: {Data: []byte(`version: 2
suite: trixie
architecture: arm64
volume_label: debvisor
archive: {mirror: "http://a b", security: http://deb.debian.org/debian-security, components: []}
extra_repositories: [{name: x, enabled: true, uri: https://apt.example, suite: s, components: [main], signed_by: keys/x.asc, packages: [Big]}]
compression: {algorithm: xz, level: 3}
exclude: [usr/share/man]
editions: {minimal: {packages: [none], profiles: [zsf]}, empty: {packages: []}}
`)},
	}
	_, err := LoadImage(files)
	if err == nil {
		t.Fatal("no error")
	}
	want := `image.yaml:1:10: version: must be 1
	hint: write version: 1
image.yaml:3:15: architecture: "arm64" is not supported
	hint: write architecture: amd64
image.yaml:4:15: volume_label: must be 1 to 23 of A-Z, 0-9 and _, not "debvisor"
image.yaml:5:19: archive.mirror: "http://a b" is not an address of packages
	hint: such as http://deb.debian.org/debian
image.yaml:5:94: archive.components: no component is named
	hint: write [main]
image.yaml:6:114: extra_repositories[0].signed_by: no such file in the configuration: "keys/x.asc"
	hint: put the repository's key there
image.yaml:6:137: extra_repositories[0].packages[0]: "Big" is not a package name
image.yaml:7:26: compression.algorithm: "xz" is not supported
	hint: write zstd
image.yaml:8:11: exclude[0]: "usr/share/man" is not an absolute path without blanks
	hint: such as /usr/share/man/*
image.yaml:9:33: editions.minimal.packages[0]: no package list packages/none.list
image.yaml:9:51: editions.minimal.profiles[0]: "zsf" is unknown
	hint: did you mean zfs?
image.yaml:9:65: editions.empty: has no package list
image.yaml:9:65: editions.empty: serves no storage profile, so it could not be installed
	hint: list them as profiles: […]`
	if err.Error() != want {
		t.Errorf("got\n%s\nwant\n%s", err, want)
	}
}

func TestPackagesOfSeveralListsComeOnceAndInOrder(t *testing.T) {
	files := fstest.MapFS{
		"packages/a.list": {Data: []byte("zsh\n# comment\n bash # shell\n")},
		"packages/b.list": {Data: []byte("bash\napt\n")},
	}
	img := &Image{Editions: map[string]Edition{"e": {Packages: []string{"a", "b"}}},
		ExtraRepositories: []Repository{{Packages: []string{"off"}}, {Enabled: true, Packages: []string{"grafana"}}}}
	packages, err := img.Packages(files, "e")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range packages {
		got = append(got, p.Name)
	}
	if s := strings.Join(got, " "); s != "apt bash grafana zsh" {
		t.Errorf("packages: %s", s)
	}
	if packages[1].File != "packages/a.list" || packages[1].Line != 3 {
		t.Errorf("bash is said to be in %s:%d", packages[1].File, packages[1].Line)
	}
}

func FuzzPackageList(f *testing.F) {
	f.Add("bash\n# x\n  sudo # y\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, p := range parseList("x.list", text) {
			if p.Line < 1 || strings.TrimSpace(p.Name) != p.Name || strings.Contains(p.Name, "#") {
				t.Errorf("parseList(%q) has %+v", text, p)
			}
		}
	})
}
