package builder

import (
	"io/fs"
	"path"

	"debvisor"
	"debvisor/internal/collection"
	"debvisor/internal/host"
)

// collectionDir is where Ansible on a node finds the collection: below its default path.
const collectionDir = "/usr/share/ansible/collections/" + collection.Path

// noticesFile has the licences of what is compiled into the programs of the image.
const (
	noticesFile    = "/usr/share/debvisor/third-party.txt"
	payloadNotices = "debvisor.notices"
)

// sharedFiles are the repository's documentation, the licences of others, and the Ansible collection: a node can read about
// itself and converge itself.
func (b *Builder) sharedFiles() ([]host.Want, error) {
	var wants []host.Want
	err := fs.WalkDir(debvisor.Files, "docs", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(debvisor.Files, name)
		wants = append(wants, host.File{Path: path.Join("/usr/share/debvisor", name), Content: string(data), Mode: 0o644})
		return err
	})
	if err != nil {
		return nil, err
	}
	notices, err := fs.ReadFile(b.Payload, payloadNotices)
	if err != nil {
		return nil, err
	}
	wants = append(wants, host.File{Path: noticesFile, Content: string(notices), Mode: 0o644})
	collected, err := b.collection()
	return append(wants, collected...), err
}

// collection is the collection with the binary of the image's own architecture, which lies where the action plugin looks
// first: a controller with the collection of the same version copies nothing to a node.
func (b *Builder) collection() ([]host.Want, error) {
	arch := b.image.Architecture
	binary, err := fs.ReadFile(b.Payload, collection.BinaryFor(arch))
	if err != nil {
		return nil, err
	}
	c, err := collection.New(collection.Source{Files: debvisor.Files, Version: b.Version, Binaries: map[string][]byte{arch: binary}})
	if err != nil {
		return nil, err
	}
	installed := collection.InstalledBinary(collection.Sum(binary))
	c.LinkBinary(arch, installed)
	entries, err := c.Packed()
	wants := []host.Want{host.File{Path: installed, Content: string(binary), Mode: 0o755}}
	for _, e := range entries {
		name := path.Join(collectionDir, e.Path)
		if e.Link != "" {
			wants = append(wants, host.Symlink{Path: name, Target: e.Link})
			continue
		}
		wants = append(wants, host.File{Path: name, Content: string(e.Data), Mode: e.Mode})
	}
	return wants, err
}
