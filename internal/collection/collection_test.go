package collection_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"debvisor/internal/collection"
)

const docs = `# A module.
DOCUMENTATION:
  module: ping
  description:
    - One sentence
      over two lines.

EXAMPLES: |
  - name: Try it
    debvisor.core.ping:
RETURN:
  pong:
    type: str
`

func source() collection.Source {
	text := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	return collection.Source{
		Version:  "1.2.3",
		Binaries: map[string][]byte{"amd64": []byte("ELF amd64"), "arm64": []byte("ELF arm64")},
		Files: fstest.MapFS{
			"collection/galaxy.yml":                        text("namespace: debvisor\nname: core\nreadme: README.md\nauthors: [Us]\ntags: [linux]\nlicense: [Apache-2.0]\n"),
			"collection/README.md":                         text("# debvisor.core\n"),
			"collection/meta/runtime.yml":                  text("---\nrequires_ansible: '>=2.14.0'\n"),
			"collection/plugins/plugin_utils/transport.py": text("# transport\n"),
			"docs/modules.md":                              text("# Modules\n"),
			"playbooks/site.yml":                           text("---\n"),
			"LICENSES/Apache-2.0.txt":                      text("Apache\n"),
			"roles/dns-ha/tasks/main.yml":                  text("---\n"),
			"roles/dns-ha/molecule/default/molecule.yml":   text("---\n"),
			"modules/ping/ping.yml":                        text(docs),
			"modules/ping/other.yml":                       text("no documentation\n"),
		},
	}
}

func made(t *testing.T) *collection.Collection {
	t.Helper()
	c, err := collection.New(source())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestWhatLiesWhere(t *testing.T) {
	var got strings.Builder
	for _, e := range made(t).Source() {
		fmt.Fprintf(&got, "%o %s%s\n", e.Mode, e.Path, map[bool]string{true: " -> " + e.Link}[e.Link != ""])
	}
	want := `644 galaxy.yml
644 LICENSES/Apache-2.0.txt
644 README.md
644 docs/modules.md
644 meta/runtime.yml
644 playbooks/site.yml
644 plugins/action/ping.py
755 plugins/modules/arm64/ping -> ../../plugin_utils/debvisor-modules-linux-arm64
755 plugins/modules/ping -> ../plugin_utils/debvisor-modules-linux-amd64
644 plugins/modules/ping.py
755 plugins/plugin_utils/debvisor-modules-linux-amd64
755 plugins/plugin_utils/debvisor-modules-linux-arm64
644 plugins/plugin_utils/debvisor-modules.sha256
644 plugins/plugin_utils/transport.py
644 roles/dns_ha/tasks/main.yml
`
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
}

func text(t *testing.T, c *collection.Collection, name string) string {
	t.Helper()
	for _, e := range c.Source() {
		if e.Path == name {
			return string(e.Data)
		}
	}
	t.Fatalf("there is no %s", name)
	return ""
}

func TestWhatIsMadeHere(t *testing.T) {
	c := made(t)
	if got := text(t, c, "galaxy.yml"); !strings.HasSuffix(got, "license: [Apache-2.0]\nversion: 1.2.3\n") {
		t.Errorf("galaxy.yml is\n%s", got)
	}
	if got, want := text(t, c, "meta/runtime.yml"), "---\nrequires_ansible: '>=2.14.0'\naction_groups:\n  all:\n    - ping\n"; got != want {
		t.Errorf("meta/runtime.yml is\n%s", got)
	}
	stub := text(t, c, "plugins/modules/ping.py")
	want := `
from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
---
module: ping
description:
  - One sentence
    over two lines.
"""

EXAMPLES = r"""
---
- name: Try it
  debvisor.core.ping:
"""

RETURN = r"""
---
pong:
  type: str
"""
`
	if !strings.HasPrefix(stub, "# SPDX-") || !strings.Contains(stub, "GPL-3.0-or-later") || !strings.HasSuffix(stub, want) {
		t.Errorf("the stub is\n%s", stub)
	}
	if got := text(t, c, "plugins/action/ping.py"); !strings.Contains(got, "import ActionModule") || !strings.Contains(got, "GPL-3.0-or-later") {
		t.Errorf("the action plugin is\n%s", got)
	}
}

func TestWhatCannotBeMadeIsToldByItsName(t *testing.T) {
	for _, c := range []struct {
		name, want string
		change     func(*collection.Source)
	}{
		{"no binary", "run make modules", func(s *collection.Source) { delete(s.Binaries, "amd64") }},
		{"another architecture", "riscv64", func(s *collection.Source) { s.Binaries["riscv64"] = []byte("ELF") }},
		{"no version", "collection/galaxy.yml", func(s *collection.Source) { s.Version = "" }},
		{"a second version", "collection/galaxy.yml", func(s *collection.Source) {
			f := s.Files.(fstest.MapFS)["collection/galaxy.yml"]
			f.Data = append(f.Data, "version: 2.0.0\n"...)
		}},
		{"an unknown key", "collection/galaxy.yml", func(s *collection.Source) {
			f := s.Files.(fstest.MapFS)["collection/galaxy.yml"]
			f.Data = append(f.Data, "licence: [MIT]\n"...)
		}},
		{"no examples", "modules/ping/ping.yml: EXAMPLES is missing", func(s *collection.Source) {
			s.Files.(fstest.MapFS)["modules/ping/ping.yml"].Data = []byte("DOCUMENTATION:\n  module: ping\nRETURN:\n  a: b\n")
		}},
		{"no YAML", "modules/ping/ping.yml: yaml", func(s *collection.Source) {
			s.Files.(fstest.MapFS)["modules/ping/ping.yml"].Data = []byte("DOCUMENTATION: [\n")
		}},
		{"what ends a text in Python", "modules/ping/ping.yml: RETURN has \"\"\"", func(s *collection.Source) {
			s.Files.(fstest.MapFS)["modules/ping/ping.yml"].Data = []byte(docs + "    sample: '\"\"\"'\n")
		}},
	} {
		s := source()
		c.change(&s)
		if _, err := collection.New(s); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// FILES.json has every file and directory with its hash, MANIFEST.json that of FILES.json.
func TestTheListsAreRight(t *testing.T) {
	entries, err := made(t).Packed()
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		Info  struct{ Name, Version string } `json:"collection_info"`
		Files struct {
			Sum string `json:"chksum_sha256"`
		} `json:"file_manifest_file"`
	}
	var list struct {
		Files []struct {
			Name, Ftype string
			Sum         string `json:"chksum_sha256"`
		}
	}
	if entries[0].Path != "MANIFEST.json" || entries[1].Path != "FILES.json" {
		t.Fatalf("it begins with %s and %s", entries[0].Path, entries[1].Path)
	}
	for i, v := range []any{&manifest, &list} {
		if err := json.Unmarshal(entries[i].Data, v); err != nil {
			t.Fatal(err)
		}
	}
	if manifest.Files.Sum != collection.Sum(entries[1].Data) || manifest.Info.Name != "core" || manifest.Info.Version != "1.2.3" {
		t.Errorf("MANIFEST.json is\n%s", entries[0].Data)
	}
	var listed, there []string
	for _, f := range list.Files {
		listed = append(listed, f.Name+f.Sum)
	}
	for _, e := range entries[2:] {
		there = append(there, e.Path+collection.Sum(e.Data))
		for dir := path.Dir(e.Path); ; dir = path.Dir(dir) {
			there = append(there, dir)
			if dir == "." {
				break
			}
		}
	}
	slices.Sort(there)
	slices.Sort(listed)
	if there = slices.Compact(there); !slices.Equal(listed, there) {
		t.Errorf("listed\n%s\nthere\n%s", strings.Join(listed, "\n"), strings.Join(there, "\n"))
	}
}

func TestTheTarballIsTheSameTwice(t *testing.T) {
	var first, second bytes.Buffer
	for _, w := range []io.Writer{&first, &second} {
		if err := made(t).Archive(w); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("two tarballs of the same collection differ")
	}
	z, err := gzip.NewReader(&first)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]*tar.Header{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		seen[h.Name] = h
	}
	link, dir := seen["plugins/modules/ping"], seen["plugins/modules"]
	if link == nil || link.Linkname != "../plugin_utils/debvisor-modules-linux-amd64" || dir == nil || dir.Typeflag != tar.TypeDir || seen["galaxy.yml"] != nil {
		t.Errorf("the tarball has %v", seen)
	}
}

func TestTheBinaryMayLieElsewhere(t *testing.T) {
	c := made(t)
	target := collection.InstalledBinary(collection.Sum([]byte("ELF amd64")))
	c.LinkBinary("amd64", target)
	for _, e := range c.Entries {
		if e.Path == "plugins/plugin_utils/debvisor-modules-linux-amd64" && e.Link == target {
			return
		}
	}
	t.Error("the binary is no link")
}
