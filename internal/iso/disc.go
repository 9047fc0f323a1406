// Package iso writes and reads the installer image: one ISO 9660 file that boots as a CD and as a USB stick, by BIOS and
// by UEFI. A Disc is a value: checked as a whole, then written in one go, byte for byte the same for the same input. It
// knows nothing of what the files are for, and it is no general mastering tool: no Joliet, no files of 4 GiB, no links.
package iso

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Disc is what an image holds.
type Disc struct {
	VolumeID string    // 1 to 32 of A-Z 0-9 _; should carry the build's id, so that two media in one machine differ
	Epoch    time.Time // every timestamp in the image, in whole seconds; 1980 to 2107, which is what FAT can say
	ID       string    // what the partition identifiers are derived from
	Files    []File
	// BIOSImage is the path of the file that a BIOS starts from a CD: GRUB's i386-pc-eltorito core image.
	BIOSImage string
	// HybridMBR is GRUB's boot_hybrid.img, which starts the same core image from a disk. Its first 440 bytes are used.
	HybridMBR []byte
	ESP       []File // the EFI system partition; EFI/BOOT/BOOTX64.EFI must be among them
	EFIImage  string // where the image of the EFI system partition is put, for firmware that boots from a CD
}

// File is one regular file. Directories come with the files in them.
type File struct {
	Path   string // relative, slashes: "boot/grub/grub.cfg"
	Source string // a file on this system; empty means Data
	Data   []byte
}

const (
	maxFile  = 1<<32 - 2 // ISO 9660 sizes are 32 bits, and the library drops the upper ones without a word
	maxDepth = 8         // deeper directories would be moved elsewhere on the disc
	maxName  = 128

	// infoFile is what Debian's signed GRUB searches for to find its medium when it was started from the ESP of a stick.
	infoFile = ".disk/info"
	efiFile  = "EFI/BOOT/BOOTX64.EFI"
)

var volumeID = regexp.MustCompile(`^[A-Z0-9_]{1,32}$`)

// check finds everything that is wrong with the disc, before anything is written.
func (d Disc) check() error {
	var errs []error
	if !volumeID.MatchString(d.VolumeID) {
		errs = append(errs, fmt.Errorf("volume id %q: must be 1 to 32 of A-Z, 0-9 and _", d.VolumeID))
	}
	if y := d.Epoch.UTC().Year(); y < 1980 || y > 2107 {
		errs = append(errs, fmt.Errorf("epoch %s: must be in the years 1980 to 2107", d.Epoch.UTC().Format(time.DateOnly)))
	}
	if len(d.HybridMBR) < bootCodeSize {
		errs = append(errs, fmt.Errorf("hybrid boot record: is %d bytes, must be at least %d", len(d.HybridMBR), bootCodeSize))
	}
	errs = append(errs, checkFiles(append([]File{{Path: d.EFIImage}}, d.Files...), infoFile, d.BIOSImage))
	errs = append(errs, checkShortNames(d.Files))
	if err := checkFiles(foldCase(d.ESP), efiFile); err != nil {
		errs = append(errs, fmt.Errorf("EFI system partition: %w", err))
	}
	return errors.Join(errs...)
}

// foldCase makes names that are one name on FAT equal.
func foldCase(files []File) []File {
	folded := slices.Clone(files)
	for i := range folded {
		folded[i].Path = strings.ToUpper(folded[i].Path)
	}
	return folded
}

func checkFiles(files []File, required ...string) error {
	var errs []error
	seen, dirs := map[string]bool{}, map[string]bool{}
	for _, f := range files {
		if err := f.check(); err != nil {
			errs = append(errs, err)
			continue
		}
		name := stagedName(f.Path)
		if seen[name] {
			errs = append(errs, fmt.Errorf("%s: is there twice", f.Path))
		}
		seen[name] = true
		for _, dir := range parents(name) {
			dirs[dir] = true
		}
	}
	for _, f := range files {
		if dirs[stagedName(f.Path)] {
			errs = append(errs, fmt.Errorf("%s: is both a file and a directory", f.Path))
		}
	}
	for _, name := range required {
		if !seen[stagedName(name)] {
			errs = append(errs, fmt.Errorf("%q: is missing, nothing would boot", name))
		}
	}
	return errors.Join(errs...)
}

func (f File) check() error {
	if f.Path == "." || !fs.ValidPath(f.Path) {
		return fmt.Errorf("%q: is not a relative path with slashes", f.Path)
	}
	parts := strings.Split(f.Path, "/")
	if len(parts) > maxDepth {
		return fmt.Errorf("%s: is more than %d directories deep", f.Path, maxDepth-1)
	}
	for _, part := range parts {
		if len(part) > maxName || strings.ContainsFunc(part, func(r rune) bool { return r < ' ' || r > '~' }) {
			return fmt.Errorf("%q: a name must be at most %d printable ASCII characters", f.Path, maxName)
		}
	}
	return f.checkContent()
}

func (f File) checkContent() error {
	if f.Source == "" {
		return nil
	}
	if f.Data != nil {
		return fmt.Errorf("%s: has both a source and data", f.Path)
	}
	info, err := os.Stat(f.Source)
	if err != nil {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s: %s is not a regular file", f.Path, f.Source)
	}
	if info.Size() > maxFile {
		return fmt.Errorf("%s: %s is %d bytes, an ISO file must be less than 4 GiB", f.Path, f.Source, info.Size())
	}
	return nil
}

func (f File) open() (io.ReadCloser, error) {
	if f.Source != "" {
		return os.Open(f.Source)
	}
	return io.NopCloser(strings.NewReader(string(f.Data))), nil
}

func (f File) bytes() ([]byte, error) {
	if f.Source != "" {
		return os.ReadFile(f.Source)
	}
	return f.Data, nil
}

// parents are the directories above name, outermost first.
func parents(name string) []string {
	var dirs []string
	for dir := path.Dir(name); dir != "." && dir != "/"; dir = path.Dir(dir) {
		dirs = append(dirs, dir)
	}
	slices.Reverse(dirs)
	return dirs
}
