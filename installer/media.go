package installer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/diskfs/go-diskfs/backend"
	"github.com/diskfs/go-diskfs/backend/file"
	"github.com/diskfs/go-diskfs/filesystem"
	"github.com/diskfs/go-diskfs/filesystem/ext4"
	"github.com/diskfs/go-diskfs/filesystem/fat12"
	"github.com/diskfs/go-diskfs/filesystem/fat16"
	"github.com/diskfs/go-diskfs/filesystem/fat32"
	"github.com/diskfs/go-diskfs/filesystem/iso9660"
)

// answersFile is the answers' name on a second medium.
const answersFile = "debvisor.yaml"

var mediumLabels = []string{"DEBVISOR", "CIDATA"}

// fromMedia reads the answers of a medium labelled DEBVISOR or CIDATA. Two such media contradict each other.
func (in *Installer) fromMedia(ctx context.Context) ([]text, error) {
	devices, err := in.labelled(ctx)
	if err != nil {
		return nil, err
	}
	var found []text
	for _, d := range devices {
		data, err := in.readFrom(d)
		if err != nil {
			return nil, fmt.Errorf("look for %s on %s (%s): %w", answersFile, d.Path, d.Label, err)
		}
		if data != nil {
			found = append(found, text{fmt.Sprintf("%s on %s (%s)", answersFile, d.Path, d.Label), data})
		}
	}
	if len(found) > 1 {
		return nil, fmt.Errorf("%s and %s: remove one of them", found[0].source, found[1].source)
	}
	return found, nil
}

// device is a file system as lsblk lists it.
type device struct {
	Path     string   `json:"path"`
	Label    string   `json:"label"`
	FSType   string   `json:"fstype"`
	Children []device `json:"children"`
}

func (in *Installer) labelled(ctx context.Context) ([]device, error) {
	out, err := in.Live.Run(ctx, "lsblk", "--json", "--output", "PATH,LABEL,FSTYPE")
	if err != nil {
		return nil, err
	}
	var list struct {
		Devices []device `json:"blockdevices"`
	}
	if err := json.Unmarshal(out, &list); err != nil {
		return nil, fmt.Errorf("read the answer of lsblk: %w", err)
	}
	return slices.DeleteFunc(flat(list.Devices), func(d device) bool {
		return !slices.Contains(mediumLabels, strings.ToUpper(d.Label))
	}), nil
}

func flat(devices []device) []device {
	var all []device
	for _, d := range devices {
		all = append(append(all, d), flat(d.Children)...)
	}
	return all
}

// readFrom reads the answers of one file system without mounting it; nil when it has none.
func (in *Installer) readFrom(d device) (data []byte, err error) {
	// The libraries were not written for media that somebody left in the machine on purpose.
	defer func() {
		if p := recover(); p != nil {
			data, err = nil, fmt.Errorf("the file system is damaged: %v", p)
		}
	}()
	name, err := in.Live.Path(d.Path)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	fsys, err := openFS(file.New(f, true), d.FSType, size)
	if err != nil {
		return nil, err
	}
	return readAnswers(fsys)
}

// openFS opens a file system of a kind that lsblk named.
func openFS(b backend.Storage, kind string, size int64) (filesystem.FileSystem, error) {
	switch kind {
	case "vfat":
		return openFAT(b, size)
	case "iso9660":
		return iso9660.Read(b, size, 0, 0)
	case "ext2", "ext3", "ext4":
		return ext4.Read(b, size, 0, 512)
	default:
		return nil, fmt.Errorf("want vfat, ext4 or iso9660, it is %q", kind)
	}
}

// openFAT tries the three widths; each refuses the others' boot sector or table.
func openFAT(b backend.Storage, size int64) (filesystem.FileSystem, error) {
	f32, err32 := fat32.Read(b, size, 0, 0)
	if err32 == nil {
		return f32, nil
	}
	f16, err16 := fat16.Read(b, size, 0, 0)
	if err16 == nil {
		return f16, nil
	}
	f12, err12 := fat12.Read(b, size, 0, 0)
	if err12 == nil {
		return f12, nil
	}
	return nil, errors.Join(err32, err16, err12)
}

// readAnswers is nil without an error when there is no such file. One that is there and cannot be read is an error:
// others must not be taken in its place.
func readAnswers(fsys filesystem.FileSystem) ([]byte, error) {
	entries, err := fsys.ReadDir(".")
	if err != nil {
		return nil, fmt.Errorf("list the medium: %w", err)
	}
	there := slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return strings.EqualFold(e.Name(), answersFile) })
	if !there {
		return nil, nil
	}
	f, err := fsys.OpenFile(answersFile, os.O_RDONLY)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", answersFile, err)
	}
	defer f.Close()
	// In one read: the library's FAT returns what lies behind the end of a file to a second one.
	data := make([]byte, maxAnswers+1)
	n, err := io.ReadFull(f, data)
	switch {
	case err == nil:
		return nil, fmt.Errorf("%s is larger than %d bytes", answersFile, maxAnswers)
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return data[:n], nil
	default:
		return nil, err
	}
}
