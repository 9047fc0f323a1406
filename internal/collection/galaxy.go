package collection

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"gopkg.in/yaml.v3"
)

// galaxy is what galaxy.yml says, in the form and order of MANIFEST.json.
type galaxy struct {
	Namespace     string            `json:"namespace"`
	Name          string            `json:"name"`
	Version       string            `json:"version"`
	Authors       []string          `json:"authors"`
	Readme        string            `json:"readme"`
	Tags          []string          `json:"tags"`
	Description   string            `json:"description"`
	License       []string          `json:"license"`
	LicenseFile   *string           `json:"license_file" yaml:"license_file"`
	Dependencies  map[string]string `json:"dependencies"`
	Repository    *string           `json:"repository"`
	Documentation *string           `json:"documentation"`
	Homepage      *string           `json:"homepage"`
	Issues        *string           `json:"issues"`
}

// addGalaxy reads galaxy.yml, which has no version in the repository: there is one for everything.
func (c *Collection) addGalaxy(s Source) error {
	text, err := fs.ReadFile(s.Files, "collection/galaxy.yml")
	if err != nil {
		return err
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&c.galaxy); err != nil {
		return fmt.Errorf("collection/galaxy.yml: %w", err)
	}
	if g := c.galaxy; g.Namespace != Namespace || g.Name != Name || g.Version != "" || s.Version == "" {
		return fmt.Errorf("collection/galaxy.yml is for %s.%s %s, it must be %s.%s without a version", g.Namespace, g.Name, g.Version, Namespace, Name)
	}
	c.galaxy.Version = s.Version
	c.galaxy.Dependencies = map[string]string{}
	c.galaxyText = append(bytes.TrimRight(text, "\n"), "\nversion: "+s.Version+"\n"...)
	return nil
}

// Source is the collection as a directory to work in: it has galaxy.yml, and no list of files that would soon be wrong.
func (c *Collection) Source() []Entry {
	return append([]Entry{{Path: "galaxy.yml", Data: c.galaxyText, Mode: 0o644}}, c.Entries...)
}

// file is a line of FILES.json.
type file struct {
	Name   string  `json:"name"`
	Type   string  `json:"ftype"`
	Sum    *string `json:"chksum_type"`
	Value  *string `json:"chksum_sha256"`
	Format int     `json:"format"`
}

func fileOf(name string, data []byte) file {
	kind, sum := "sha256", Sum(data)
	return file{Name: name, Type: "file", Sum: &kind, Value: &sum, Format: 1}
}

// Packed is the collection as it is installed: with the two files that ansible-galaxy verifies the others by.
func (c *Collection) Packed() ([]Entry, error) {
	list := []file{{Name: ".", Type: "dir", Format: 1}}
	for _, d := range dirsOf(c.Entries) {
		list = append(list, file{Name: d, Type: "dir", Format: 1})
	}
	for _, e := range c.Entries {
		list = append(list, fileOf(e.Path, e.Data))
	}
	files, err := indented(map[string]any{"files": list, "format": 1})
	if err != nil {
		return nil, err
	}
	manifest, err := indented(struct {
		Info   galaxy `json:"collection_info"`
		Files  file   `json:"file_manifest_file"`
		Format int    `json:"format"`
	}{c.galaxy, fileOf("FILES.json", files), 1})
	return append([]Entry{{Path: "MANIFEST.json", Data: manifest, Mode: 0o644}, {Path: "FILES.json", Data: files, Mode: 0o644}}, c.Entries...), err
}

// dirsOf are the directories above the entries, each after the one that it lies in.
func dirsOf(entries []Entry) []string {
	var dirs []string
	for _, e := range entries {
		for d := path.Dir(e.Path); d != "."; d = path.Dir(d) {
			dirs = append(dirs, d)
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

func indented(v any) ([]byte, error) {
	data, err := json.MarshalIndent(v, "", " ")
	return append(data, '\n'), err
}

// Sum is a SHA-256 hash in hexadecimal.
func Sum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
