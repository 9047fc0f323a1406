package installer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/diskfs/go-diskfs/backend/file"
	"github.com/diskfs/go-diskfs/filesystem/fat32"

	"debvisor/internal/host"
)

// espFile is a file of the EFI system partition: a copy of one of the new system, or text.
type espFile struct {
	path string // without a leading slash
	from string
	text string
}

// espFiles are Debian's signed boot loaders, under the name that firmware tries on any disk and under Debian's own, so that
// no variable of the firmware is needed. The signed GRUB reads /EFI/debian/grub.cfg. What firmware looks for comes last.
func (p *Plan) espFiles() []espFile {
	root := p.Layout.Partitions[rootA].UUID
	cfg := fmt.Sprintf("search.fs_uuid %s root\nset prefix=($root)'/boot/grub'\nconfigfile $prefix/grub.cfg\n", root)
	const (
		shim = "/usr/lib/shim/shimx64.efi.signed"
		mok  = "/usr/lib/shim/mmx64.efi.signed"
		grub = "/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed"
	)
	return []espFile{
		{path: "EFI/debian/grub.cfg", text: cfg},
		{path: "EFI/debian/grubx64.efi", from: grub},
		{path: "EFI/debian/mmx64.efi", from: mok},
		{path: "EFI/debian/shimx64.efi", from: shim},
		{path: "EFI/BOOT/grubx64.efi", from: grub},
		{path: "EFI/BOOT/mmx64.efi", from: mok},
		{path: "EFI/BOOT/BOOTX64.EFI", from: shim},
	}
}

// efi plans the files that the EFI system partition lacks. It is written without mounting it: whoever installs needs no
// FAT in the kernel, and nothing else can write to it.
func (r *run) efi() ([]host.Change, error) {
	have, err := r.readESP()
	if err != nil {
		return nil, err
	}
	var changes []host.Change
	for _, f := range r.plan.espFiles() {
		if want, err := r.espContent(f); err == nil && bytes.Equal(have[f.path], want) && len(want) > 0 {
			continue
		}
		changes = append(changes, host.Call{
			Why: fmt.Sprintf("write %s to the EFI system partition", f.path),
			Do:  func(context.Context) error { return r.writeESP(f) },
		})
	}
	return changes, nil
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
	err = r.withESP(os.O_RDONLY, func(fsys *fat32.FileSystem) error {
		for _, f := range r.plan.espFiles() {
			if data, err := fsys.ReadFile(f.path); err == nil { // a file that is not there is an error of no particular kind
				have[f.path] = data
			}
		}
		return nil
	})
	return have, err
}

func (r *run) writeESP(f espFile) error {
	data, err := r.espContent(f)
	if err != nil {
		return err
	}
	return r.withESP(os.O_RDWR|os.O_EXCL, func(fsys *fat32.FileSystem) error {
		return putESP(fsys, f.path, data)
	})
}

// putESP writes one file and the directories above it.
func putESP(fsys *fat32.FileSystem, name string, data []byte) (err error) {
	for i := range strings.Split(path.Dir(name), "/") {
		dir := strings.Join(strings.Split(name, "/")[:i+1], "/")
		if err := fsys.Mkdir(dir); err != nil {
			return fmt.Errorf("make %s: %w", dir, err)
		}
	}
	w, err := fsys.OpenFile(name, os.O_CREATE|os.O_RDWR|os.O_TRUNC)
	if err != nil {
		return fmt.Errorf("create %s: %w", name, err)
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if _, err := w.Write(data); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// withESP opens the partition's file system for one use and syncs it after a write.
func (r *run) withESP(flags int, use func(*fat32.FileSystem) error) (err error) {
	name, err := r.in.Live.Path(r.plan.Layout.Device(esp))
	if err != nil {
		return err
	}
	f, err := os.OpenFile(name, flags, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	readOnly := flags&os.O_RDWR == 0
	fsys, err := fat32.Read(file.New(f, readOnly), r.plan.Layout.Partitions[esp].Size, 0, 0)
	if err != nil {
		return fmt.Errorf("read the EFI system partition: %w", err)
	}
	if err := use(fsys); err != nil || readOnly {
		return err
	}
	return f.Sync()
}
