package iso

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/diskfs/go-diskfs/backend/file"
	diskfs "github.com/diskfs/go-diskfs/filesystem/iso9660"
	"github.com/kdomanski/iso9660"
)

// kdomanskiSums walks an image with another library.
func kdomanskiSums(t *testing.T, name string) map[string]string {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := iso9660.OpenImage(f)
	if err != nil {
		t.Fatal(err)
	}
	root, err := img.RootDir()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	var walk func(dir string, f *iso9660.File)
	walk = func(dir string, f *iso9660.File) {
		children, err := f.GetChildren()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range children {
			name := filepath.Join(dir, c.Name())
			if c.IsDir() {
				walk(name, c)
			} else if all[name], err = sum(c.Reader()); err != nil {
				t.Fatal(err)
			}
		}
	}
	walk("", root)
	return all
}

func diskfsSums(t *testing.T, name string) map[string]string {
	t.Helper()
	b, err := file.OpenFromPath(name, true)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	info, err := b.Stat()
	if err != nil {
		t.Fatal(err)
	}
	fsys, err := diskfs.Read(b, info.Size(), 0, sector)
	if err != nil {
		t.Fatal(err)
	}
	return sums(t, fsys)
}

func TestThreeReadersFindEveryFile(t *testing.T) {
	d := testDisc(t)
	out, layout := write(t, d)
	want := map[string]string{}
	for _, f := range d.Files {
		r, err := f.open()
		if err != nil {
			t.Fatal(err)
		}
		if want[f.Path], err = sum(r); err != nil {
			t.Fatal(err)
		}
	}
	core, err := d.core(layout.BIOS)
	if err != nil {
		t.Fatal(err)
	}
	want[d.BIOSImage], _ = sum(bytes.NewReader(core))
	img := open(t, out)
	ours := sums(t, img)
	want[d.EFIImage] = ours[d.EFIImage] // its content is compared in Write, and by mtools below
	compare(t, "ours", ours, want)
	got, all := slices.Sorted(maps.Values(kdomanskiSums(t, out))), slices.Sorted(maps.Values(want))
	if !slices.Equal(got, all) { // it sees plain names only
		t.Errorf("kdomanski finds %d files, want %d, or others", len(got), len(all))
	}
	compare(t, "go-diskfs", diskfsSums(t, out), want)
}

func TestImageIsAFileSystem(t *testing.T) {
	out, _ := write(t, testDisc(t))
	// It reads byte by byte; the large files would take long.
	for dir, file := range map[string]string{"a": "b/c/d/e/f/g/deep", "boot/grub": "i386-pc/gcry_module299.mod", ".disk": "info"} {
		sub, err := fs.Sub(open(t, out), dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := fstest.TestFS(sub, file); err != nil {
			t.Errorf("%s: %v", dir, err)
		}
	}
}

func TestImageSaysHowItBoots(t *testing.T) {
	out, l := write(t, testDisc(t))
	img := open(t, out)
	got := fmt.Sprintf("%s %s %v %v", img.VolumeID, img.Created.Format(time.RFC3339), img.Boot, img.Disk)
	want := fmt.Sprintf("DEBVISOR_TEST_1 2026-03-04T05:06:07Z [{BIOS true %d 4} {UEFI true %d 16384}] "+
		"{true true true dcc5323a-5562-5b0f-8911-544df3f5d2cc "+
		"[{c12a7328-f81f-11d2-ba4b-00a0c93ec93b b1cb0d3d-463d-515e-8303-04f8e9871fee EFI {%d 8388608}}]}",
		l.BIOS.Offset, l.EFI.Offset, l.EFI.Offset)
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestNothingOfTheBuildersMachineIsInTheImage(t *testing.T) {
	d := testDisc(t)
	first, _ := write(t, d)
	defer syscall.Umask(syscall.Umask(0o077))
	defer func(zone *time.Location) { time.Local = zone }(time.Local)
	time.Local = time.FixedZone("elsewhere", 5*3600+1800)
	t.Chdir(t.TempDir())
	t.Setenv("SOURCE_DATE_EPOCH", "1")
	for i, f := range d.Files {
		if f.Source != "" {
			d.Files[i].Source = touchedCopy(t, f.Source)
		}
	}
	slices.Reverse(d.Files)
	if _, err := Write(context.Background(), "relative.iso", d); err != nil {
		t.Fatal(err)
	}
	a, err1 := os.ReadFile(first)
	b, err2 := os.ReadFile("relative.iso")
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if !bytes.Equal(a, b) {
		t.Errorf("the images differ: %s", firstDifference(a, b))
	}
	if got := os.Getenv("SOURCE_DATE_EPOCH"); got != "1" {
		t.Errorf("SOURCE_DATE_EPOCH is %q afterwards", got)
	}
}

// touchedCopy has another age, mode, number of links and, where there is one, another file system.
func touchedCopy(t *testing.T, name string) string {
	dir, err := os.MkdirTemp("/dev/shm", "iso")
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	to := filepath.Join(dir, "other")
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	old := time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, err := range []error{os.WriteFile(to, data, 0o700), os.Chtimes(to, old, old), os.Link(to, to+"2")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return to
}

func firstDifference(a, b []byte) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("byte %d, sector %d", i, i/sector)
		}
	}
	return fmt.Sprintf("%d and %d bytes", len(a), len(b))
}

func TestEpochAndIDReachTheImage(t *testing.T) {
	d := testDisc(t)
	first, _ := write(t, d)
	later, other := d, d
	later.Epoch = testEpoch.Add(time.Hour)
	other.ID = "other"
	a, _ := os.ReadFile(first)
	for name, changed := range map[string]Disc{"epoch": later, "id": other} {
		out, _ := write(t, changed)
		if b, _ := os.ReadFile(out); bytes.Equal(a, b) {
			t.Errorf("another %s gives the same image", name)
		}
	}
}

func TestSlotIsChangedInPlace(t *testing.T) {
	d := testDisc(t)
	d.Files = append(d.Files, File{Path: "debvisor/answers.slot", Data: make([]byte, 65536)})
	out, layout := write(t, d)
	img := open(t, out)
	slot, err := img.Slot("debvisor/answers.slot")
	if err != nil {
		t.Fatal(err)
	}
	if slot != layout.Files["debvisor/answers.slot"] || slot.Size != 65536 {
		t.Fatalf("slot %v, layout %v", slot, layout.Files["debvisor/answers.slot"])
	}
	f, err := os.OpenFile(out, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	before := sums(t, img)
	if _, err := f.WriteAt([]byte("answers"), slot.Offset); err != nil {
		t.Fatal(err)
	}
	before["debvisor/answers.slot"], _ = sum(bytes.NewReader(append([]byte("answers"), make([]byte, 65529)...)))
	compare(t, "after the change", sums(t, img), before)
	for _, name := range []string{"debvisor", "missing", "/debvisor"} {
		if e, err := img.Slot(name); err == nil {
			t.Errorf("slot %s: %v, want an error", name, e)
		}
	}
}
