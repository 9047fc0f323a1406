package qemu

import (
	"os"
	"path/filepath"
	"testing"

	"debvisor/internal/host"
)

func TestSumChangesWithEveryByteAndPlace(t *testing.T) {
	seen := map[string]int64{}
	for _, at := range []int64{-1, 0, 1, 1 << 20, 64<<10 - 1, 3<<20 - 1} {
		sum, err := Sum(diskWith(t, at))
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := seen[sum]; ok {
			t.Errorf("a byte at %d and one at %d give the same sum", at, other)
		}
		seen[sum] = at
	}
}

func TestSumDoesNotSeeHowZerosAreKept(t *testing.T) {
	sparse, full := diskWith(t, 5), diskWith(t, 5)
	f, err := os.OpenFile(full, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(make([]byte, 1<<20), 1<<20); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	a, errA := Sum(sparse)
	b, errB := Sum(full)
	if a != b || errA != nil || errB != nil {
		t.Errorf("%s %v, %s %v", a, errA, b, errB)
	}
}

// diskWith is a disk of 3 MiB with one byte that is not zero; -1 for none.
func diskWith(t *testing.T, at int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk")
	if err := NewDisk(path, 3<<20); err != nil {
		t.Fatal(err)
	}
	if at < 0 {
		return path
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte{1}, at); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestMediumHoldsItsFiles(t *testing.T) {
	for _, tool := range []string{"mkfs.vfat", "mtype"} {
		if _, err := host.Find(tool); err != nil {
			t.Skipf("needs %s", tool)
		}
	}
	path := filepath.Join(t.TempDir(), "medium")
	if err := NewMedium(t.Context(), path, "DEBVISOR", map[string]string{"debvisor.yaml": "version: 1\n"}); err != nil {
		t.Fatal(err)
	}
	got, err := host.New().Run(t.Context(), "mtype", "-i", path, "::debvisor.yaml")
	if err != nil || string(got) != "version: 1\n" {
		t.Errorf("got %q, %v", got, err)
	}
}
