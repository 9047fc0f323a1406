package iso

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// Image is an image opened for reading. It is an fs.FS; its files can seek. Nothing in the file is trusted: an image
// that was damaged or forged gives errors.
type Image struct {
	VolumeID string
	Created  time.Time
	Size     int64
	Boot     []BootEntry
	Disk     Disk

	io.Closer
	r    io.ReaderAt
	root *node
}

const maxEntries = 1 << 17

// Open reads the directories of the image at name.
func Open(name string) (*Image, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	img, err := readFile(f)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, errors.Join(err, f.Close()))
	}
	return img, nil
}

// Slot says where the content of a file is in the image. It is in one piece and may be changed in place.
func (img *Image) Slot(name string) (Extent, error) {
	n, err := img.find("slot", name)
	if err != nil {
		return Extent{}, err
	}
	if n.rec.dir {
		return Extent{}, fmt.Errorf("slot %s: is a directory", name)
	}
	return n.rec.extent, nil
}

func readFile(f *os.File) (*Image, error) {
	size, err := f.Seek(0, io.SeekEnd) // works for block devices too
	if err != nil {
		return nil, err
	}
	img, err := read(f, size)
	if err != nil {
		return nil, err
	}
	img.Closer = f
	return img, nil
}

func read(r io.ReaderAt, size int64) (*Image, error) {
	d, err := readDescriptors(r, size)
	if err != nil {
		return nil, err
	}
	img := &Image{VolumeID: d.volumeID, Created: d.created, Size: size, r: r}
	v := &volume{r: r, size: size, susp: -1}
	if img.root, err = readTree(v, d.root); err != nil {
		return nil, err
	}
	if d.catalog != 0 {
		if img.Boot, err = readCatalog(v, d.catalog); err != nil {
			return nil, fmt.Errorf("boot catalog: %w", err)
		}
	}
	if img.Disk, err = readDisk(v); err != nil {
		return nil, fmt.Errorf("partition table: %w", err)
	}
	return img, nil
}

// readTree reads all directories below root.
func readTree(v *volume, root record) (*node, error) {
	top := &node{name: ".", rec: root}
	dirs := map[string]*node{".": top}
	err := v.walk(root, func(dir string, records []record) error {
		parent := dirs[dir]
		for _, rec := range records {
			if rec.id == selfID || rec.id == parentID {
				continue
			}
			if err := v.inside(rec.extent); err != nil {
				return fmt.Errorf("%s: %w", path.Join(dir, rec.fileName()), err)
			}
			n := &node{name: rec.fileName(), rec: rec}
			parent.children = append(parent.children, n)
			if rec.dir {
				dirs[path.Join(dir, n.name)] = n
			}
		}
		slices.SortFunc(parent.children, func(a, b *node) int { return strings.Compare(a.name, b.name) })
		return unique(dir, parent.children)
	})
	return top, err
}

func unique(dir string, sorted []*node) error {
	for i, n := range sorted {
		if n.name == "" || n.name == "." || n.name == ".." || strings.ContainsAny(n.name, "/\x00") {
			return fmt.Errorf("%s: has a file named %q", dir, n.name)
		}
		if i > 0 && sorted[i-1].name == n.name {
			return fmt.Errorf("%s: has two files named %q", dir, n.name)
		}
	}
	return nil
}

// fileName is the Rock Ridge name, or else the plain one without its version.
func (rec record) fileName() string {
	if rec.name != "" {
		return rec.name
	}
	id, _, _ := strings.Cut(rec.id, ";")
	return strings.TrimSuffix(id, ".")
}

// walk visits each directory once, those above before those below.
func (v *volume) walk(root record, visit func(dir string, records []record) error) error {
	if err := v.detectRockRidge(root); err != nil {
		return err
	}
	type dir struct {
		path   string
		extent Extent
	}
	todo, seen, entries := []dir{{".", root.extent}}, map[int64]bool{root.extent.Offset: true}, 0
	for len(todo) > 0 {
		d := todo[0]
		todo = todo[1:]
		records, err := v.directory(d.extent)
		if err != nil {
			return fmt.Errorf("%s: %w", d.path, err)
		}
		if entries += len(records); entries > maxEntries {
			return fmt.Errorf("more than %d files", maxEntries)
		}
		if err := visit(d.path, records); err != nil {
			return err
		}
		for _, rec := range records {
			if !rec.dir || rec.id == selfID || rec.id == parentID {
				continue
			}
			if seen[rec.extent.Offset] {
				return fmt.Errorf("%s: is found in two places", path.Join(d.path, rec.fileName()))
			}
			seen[rec.extent.Offset] = true
			todo = append(todo, dir{path.Join(d.path, rec.fileName()), rec.extent})
		}
	}
	return nil
}

// detectRockRidge looks for the entry that begins the root directory where system use entries are in force.
func (v *volume) detectRockRidge(root record) error {
	const first = minRecord // where the system use of a "." record begins
	v.susp = -1
	b, err := v.read(Extent{root.extent.Offset, sector})
	if err != nil {
		return fmt.Errorf("root directory: %w", err)
	}
	if sp := b[first:]; string(sp[:2]) == "SP" && sp[4] == 0xbe && sp[5] == 0xef {
		v.susp = 0
		if sp[6] != 0 {
			return fmt.Errorf("root directory: %d bytes to skip in each record are not supported", sp[6])
		}
	}
	return nil
}
