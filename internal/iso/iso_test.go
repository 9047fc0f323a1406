package iso

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/diskfs/go-diskfs/backend/file"
	diskfs "github.com/diskfs/go-diskfs/filesystem/iso9660"
	"github.com/kdomanski/iso9660"
)

var testEpoch = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// noise is n bytes that look like nothing, the same each time.
func noise(n int, seed uint64) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	if _, err := r.Read(b); err != nil {
		panic(err)
	}
	return b
}

// testDisc has files of awkward sizes, many small ones, names that shorten to the same one, and a source file.
func testDisc(t *testing.T) Disc {
	big := filepath.Join(t.TempDir(), "root.squashfs")
	if err := os.WriteFile(big, noise(3<<20+17, 1), 0o600); err != nil {
		t.Fatal(err)
	}
	files := []File{
		{Path: ".disk/info", Data: []byte("test\n")},
		{Path: "boot/grub/i386-pc/eltorito.img", Data: noise(30001, 2)},
		{Path: "live/root.squashfs", Source: big},
		{Path: "empty"},
		{Path: "exactly-one-sector", Data: noise(2048, 3)},
		{Path: strings.Repeat("n", 128), Data: []byte("long")},
		{Path: "a/b/c/d/e/f/g/deep", Data: []byte("deep")},
	}
	for i := range 300 {
		name := fmt.Sprintf("boot/grub/i386-pc/gcry_module%03d.mod", i)
		files = append(files, File{Path: name, Data: noise(i*37, uint64(i))})
	}
	return Disc{
		VolumeID:  "DEBVISOR_TEST_1",
		Epoch:     testEpoch,
		ID:        "test",
		Files:     files,
		BIOSImage: "boot/grub/i386-pc/eltorito.img",
		HybridMBR: noise(512, 5),
		ESP: []File{
			{Path: "EFI/BOOT/BOOTX64.EFI", Data: noise(900001, 6)},
			{Path: "EFI/BOOT/grubx64.efi", Data: noise(2000003, 7)},
			{Path: "EFI/debian/a long name.cfg", Data: []byte("x")},
		},
		EFIImage: "boot/efi.img",
	}
}

func write(t *testing.T, d Disc) (string, Layout) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "test.iso")
	layout, err := Write(context.Background(), out, d)
	if err != nil {
		t.Fatal(err)
	}
	return out, layout
}

func open(t *testing.T, name string) *Image {
	t.Helper()
	img, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { img.Close() })
	return img
}

// sums maps each file of a tree to its hash.
func sums(t *testing.T, fsys fs.FS) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := fs.WalkDir(fsys, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		f, err := fsys.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		all[name], err = sum(f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func sum(r io.Reader) (string, error) {
	h := sha256.New()
	_, err := io.Copy(h, r)
	return fmt.Sprintf("%x", h.Sum(nil)), err
}

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

func compare(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	var wrong []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got[name] != want[name] {
			wrong = append(wrong, fmt.Sprintf("%s: got %q, want %q", name, got[name], want[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if _, known := want[name]; !known {
			wrong = append(wrong, name+": is not on the disc")
		}
	}
	if len(wrong) > 0 {
		t.Errorf("%s: %d wrong:\n%s", what, len(wrong), strings.Join(wrong[:min(10, len(wrong))], "\n"))
	}
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

func TestMistakesAreFoundAllAtOnceAndNothingIsWritten(t *testing.T) {
	large := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, maxFile+1); err != nil {
		t.Fatal(err)
	}
	d := testDisc(t)
	d.VolumeID = "lower case"
	d.Epoch = time.Unix(0, 0)
	d.HybridMBR = nil
	d.BIOSImage = "no/core.img"
	d.ESP = []File{{Path: "EFI/BOOT/x"}, {Path: "efi/boot/X"}}
	d.Files = []File{
		{Path: "/absolute"}, {Path: "up/../down"}, {Path: "tab\there"}, {Path: strings.Repeat("n", 129)},
		{Path: "1/2/3/4/5/6/7/8/9"}, {Path: "twice"}, {Path: "twice"}, {Path: "dir"}, {Path: "dir/file"},
		{Path: "both", Source: large, Data: []byte("x")}, {Path: "large", Source: large},
		{Path: "folder", Source: t.TempDir()}, {Path: "gone", Source: large + ".gone"},
		{Path: "abcdefgh1"}, {Path: "abcdefgh2"}, {Path: "abcdefgi1"}, {Path: "abcdefgi2"},
	}
	dir := t.TempDir()
	_, err := Write(context.Background(), filepath.Join(dir, "x.iso"), d)
	if err == nil {
		t.Fatal("no error")
	}
	got := strings.NewReplacer(large, "LARGE", d.Files[11].Source, "FOLDER").Replace(err.Error())
	want := `check disc: volume id "lower case": must be 1 to 32 of A-Z, 0-9 and _
epoch 1970-01-01: must be in the years 1980 to 2107
hybrid boot record: is 0 bytes, must be at least 440
"/absolute": is not a relative path with slashes
"up/../down": is not a relative path with slashes
"tab\there": a name must be at most 128 printable ASCII characters
"` + strings.Repeat("n", 129) + `": a name must be at most 128 printable ASCII characters
1/2/3/4/5/6/7/8/9: is more than 7 directories deep
twice: is there twice
both: has both a source and data
large: LARGE is 4294967295 bytes, an ISO file must be less than 4 GiB
folder: FOLDER is not a regular file
gone: stat LARGE.gone: no such file or directory
dir: is both a file and a directory
".disk/info": is missing, nothing would boot
"no/core.img": is missing, nothing would boot
.: names shortened to ABCDEFGH and to ABCDEFGI would get numbers in no fixed order; rename some
EFI system partition: EFI/BOOT/X: is there twice
"EFI/BOOT/BOOTX64.EFI": is missing, nothing would boot`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	noFiles(t, dir)
}

func noFiles(t *testing.T, dir string, allowed ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !slices.Contains(allowed, e.Name()) {
			t.Errorf("%s was left behind", e.Name())
		}
	}
}

func TestFailedWriteLeavesTheOldImage(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "x.iso")
	if err := os.WriteFile(out, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Write(ctx, out, testDisc(t)); err == nil {
		t.Error("no error")
	}
	if got, _ := os.ReadFile(out); string(got) != "old" {
		t.Errorf("the image is now %q", got)
	}
	noFiles(t, dir, "x.iso")
}

func TestFullDiskIsAnError(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to mount a small tmpfs")
	}
	// The staged EFI image takes 8 MiB, the source is not counted, the image takes 13: the disk fills up at different places.
	for _, size := range []string{"4m", "12m", "15m", "17m"} {
		dir := t.TempDir()
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
			t.Skipf("needs to mount a tmpfs: %v", err)
		}
		_, err := Write(context.Background(), filepath.Join(dir, "x.iso"), testDisc(t))
		t.Logf("%s: %v", size, err)
		if err == nil {
			t.Errorf("no error with a disk of %s", size)
		}
		noFiles(t, dir)
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEveryChangedByteOfAFileIsNoticed(t *testing.T) {
	d := testDisc(t)
	out, layout := write(t, d)
	f, err := os.OpenFile(out, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	places := []int64{
		layout.BIOS.Offset + 9, layout.BIOS.Offset + 30000, layout.Files["live/root.squashfs"].Offset,
		layout.Files["exactly-one-sector"].Offset + 2047, layout.EFI.Offset + layout.EFI.Size/4, 1024 + 16, 512 + 56,
	}
	for _, at := range places {
		b := make([]byte, 1)
		f.ReadAt(b, at)
		f.WriteAt([]byte{b[0] ^ 1}, at)
		if _, err := d.verify(context.Background(), f); err == nil {
			t.Errorf("a flipped bit at %d passes", at)
		}
		f.WriteAt(b, at)
	}
	if _, err := d.verify(context.Background(), f); err != nil {
		t.Errorf("the restored image does not pass: %v", err)
	}
}

func TestTruncatedImagesAreErrors(t *testing.T) {
	out, layout := write(t, testDisc(t))
	for size := layout.Size - 2*mib; size > 0; size = size * 2 / 3 {
		if err := os.Truncate(out, size); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(out); err == nil {
			t.Errorf("an image cut to %d bytes opens", size)
		}
	}
}
