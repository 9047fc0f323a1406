package iso

import (
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
	"testing"
	"time"
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
