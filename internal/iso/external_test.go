package iso

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"debvisor/internal/host"
)

// run runs a tool that need not be there.
func run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := host.System{}.Run(context.Background(), host.Cmd{Args: args})
	if errors.Is(err, host.ErrMissing) {
		t.Skipf("needs %s", args[0])
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func wantLines(t *testing.T, got string, want ...string) {
	t.Helper()
	got = strings.Join(strings.Fields(got), " ")
	for _, line := range want {
		if !strings.Contains(got, strings.Join(strings.Fields(line), " ")) {
			t.Errorf("no %q in\n%s", line, got)
		}
	}
}

func TestXorrisoFindsBothBootImages(t *testing.T) {
	out, l := write(t, testDisc(t))
	bios, efi := l.BIOS.Offset/sector, l.EFI.Offset/sector
	wantLines(t, run(t, "xorriso", "-indev", out, "-report_el_torito", "plain"),
		fmt.Sprintf("El Torito boot img : 1 BIOS y none 0x0000 0x00 4 %d", bios),
		fmt.Sprintf("El Torito boot img : 2 UEFI y none 0x0000 0x00 16384 %d", efi),
		"El Torito img path : 1 /boot/grub/i386-pc/eltorito.img",
		"El Torito img opts : 1 boot-info-table grub2-boot-info",
		"El Torito img path : 2 /boot/efi.img")
	wantLines(t, run(t, "xorriso", "-indev", out, "-report_system_area", "plain"),
		"MBR partition : 2 0x80 0x00 0 1",
		"GPT partition name : 1 450046004900",
		"GPT type GUID : 1 28732ac11ff8d211ba4b00a0c93ec93b",
		fmt.Sprintf("GPT start and size : 1 %d 16384", efi*4),
		"GPT partition path : 1 /boot/efi.img")
}

func TestXorrisoReadsEveryFile(t *testing.T) {
	out, _ := write(t, testDisc(t))
	to := t.TempDir()
	run(t, "xorriso", "-osirrox", "on", "-indev", out, "-extract", "/", to)
	compare(t, "xorriso", sums(t, os.DirFS(to)), sums(t, open(t, out)))
	wantLines(t, run(t, "xorriso", "-indev", out, "-lsdl", "/.disk", "/boot", "--", "-lsl", "/.disk"),
		"drwxr-xr-x 1 0 0 0 Mar 4 2026 '/.disk'", "drwxr-xr-x 1 0 0 0 Mar 4 2026 '/boot'",
		"-rw-r--r-- 1 0 0 5 Mar 4 2026 'info'")
}

func TestEFISystemPartitionIsClean(t *testing.T) {
	d := testDisc(t)
	out, l := write(t, d)
	esp := extract(t, out, l.EFI)
	run(t, "fsck.vfat", "-n", esp)
	for _, f := range d.ESP {
		if got := run(t, "mtype", "-i", esp, "::/"+f.Path); got != string(f.Data) {
			t.Errorf("%s: mtools reads %d bytes, want %d, or others", f.Path, len(got), len(f.Data))
		}
	}
}

func extract(t *testing.T, image string, e Extent) string {
	t.Helper()
	data, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "extract")
	if err := os.WriteFile(name, data[e.Offset:e.Offset+e.Size], 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
