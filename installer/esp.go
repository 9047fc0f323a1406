package installer

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path"

	"github.com/diskfs/go-diskfs/backend/file"
	"github.com/diskfs/go-diskfs/filesystem/fat32"

	"debvisor/internal/bootfiles"
	"debvisor/internal/host"
)

// espFile is a file of the EFI system partition: a copy of one of the new system, or text.
type espFile struct {
	path string // without a leading slash
	from string
	text string
}

// espFiles are the boot loaders, and before them what the signed GRUB reads: /EFI/debian/grub.cfg.
func (p *Plan) espFiles() []espFile {
	root := p.Layout.Partitions[rootA].UUID
	cfg := fmt.Sprintf("search.fs_uuid %s root\nset prefix=($root)'/boot/grub'\nconfigfile $prefix/grub.cfg\n", root)
	files := []espFile{{path: "EFI/debian/grub.cfg", text: cfg}}
	for _, f := range bootfiles.Files {
		files = append(files, espFile{path: f.Path, from: f.From})
	}
	return files
}

// efi plans the directories and files that the EFI system partition lacks. It is written with mtools, without mounting it:
// whoever installs needs no FAT in the kernel, and GRUB's tools cannot get at it.
func (r *run) efi() ([]host.Change, error) {
	have, err := r.readESP()
	if err != nil {
		return nil, err
	}
	var changes []host.Change
	made := map[string]bool{}
	for _, f := range r.plan.espFiles() {
		if want, err := r.espContent(f); err == nil && bytes.Equal(have[f.path], want) && len(want) > 0 {
			continue
		}
		changes = append(append(changes, r.makeDirs(f, have, made)...), r.copyIn(f))
	}
	return changes, nil
}

// makeDirs plans the directories above a file, unless another file that is there already, or planned, lies in them.
func (r *run) makeDirs(f espFile, have map[string][]byte, made map[string]bool) []host.Change {
	for name := range have {
		made[path.Dir(name)], made["EFI"] = true, true
	}
	var changes []host.Change
	for _, dir := range []string{"EFI", path.Dir(f.path)} {
		if !made[dir] {
			made[dir] = true
			changes = append(changes, host.Exec{Cmd: host.Cmd{Args: []string{"mmd", "-D", "s", "-i", r.plan.Layout.Device(esp), "::" + dir}}})
		}
	}
	return changes
}

func (r *run) copyIn(f espFile) host.Change {
	cmd := host.Cmd{Args: []string{"mcopy", "-o", "-i", r.plan.Layout.Device(esp), "-", "::" + f.path}, Stdin: f.text}
	if f.from != "" {
		cmd.Args[4] = path.Join(r.in.targetDir(), f.from)
	}
	return host.Exec{Cmd: cmd}
}

func (r *run) espContent(f espFile) ([]byte, error) {
	if f.from == "" {
		return []byte(f.text), nil
	}
	return r.new.ReadFile(f.from)
}

// readESP is what the partition has of the wanted files; nothing when it does not exist yet.
func (r *run) readESP() (map[string][]byte, error) {
	have := map[string][]byte{}
	ready, err := r.hasFilesystem(esp)
	if err != nil || !ready {
		return have, err
	}
	err = r.withESP(func(fsys *fat32.FileSystem) error {
		for _, f := range r.plan.espFiles() {
			if data, err := fsys.ReadFile(f.path); err == nil { // a file that is not there is an error of no particular kind
				have[f.path] = data
			}
		}
		return nil
	})
	return have, err
}

// withESP opens the partition's file system to read.
func (r *run) withESP(use func(*fat32.FileSystem) error) (err error) {
	name, err := r.in.Live.Path(r.plan.Layout.Device(esp))
	if err != nil {
		return err
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	fsys, err := fat32.Read(file.New(f, true), r.plan.Layout.Partitions[esp].Size, 0, 0)
	if err != nil {
		return fmt.Errorf("read the EFI system partition: %w", err)
	}
	return use(fsys)
}
