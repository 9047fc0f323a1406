package iso

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

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
