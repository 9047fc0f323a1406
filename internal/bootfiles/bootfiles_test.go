package bootfiles

import (
	"errors"
	"strings"
	"testing"

	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
)

const node = `
-- proc/self/mounts --
/dev/nvme0n1p3 / ext4 rw 0 0
/dev/nvme0n1p1 /boot/efi vfat rw 0 0
-- sys/class/block/nvme0n1p3 -> ../../devices/pci0/block/nvme0n1/nvme0n1p3 --
-- sys/class/block/nvme0n1 -> ../../devices/pci0/block/nvme0n1 --
-- sys/devices/pci0/block/nvme0n1/nvme0n1p2/uevent --
PARTN=2
PARTNAME=debvisor-bios
-- sys/devices/pci0/block/nvme0n1/nvme0n1p3/uevent --
PARTN=3
PARTNAME=debvisor-root-a
-- usr/lib/shim/shimx64.efi.signed --
shim 2
-- usr/lib/shim/mmx64.efi.signed --
mok 1
-- usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed --
grub 2
-- usr/lib/grub/i386-pc/normal.mod --
2.12-2
-- boot/efi/EFI/debian/grubx64.efi --
grub 1
-- boot/efi/EFI/debian/mmx64.efi --
mok 1
-- boot/efi/EFI/debian/shimx64.efi --
shim 1
-- boot/efi/EFI/BOOT/grubx64.efi --
grub 1
-- boot/efi/EFI/BOOT/BOOTX64.EFI --
shim 1
-- boot/grub/i386-pc/normal.mod --
2.12-1
`

const renewed = `write /boot/efi/EFI/debian/grubx64.efi
write /boot/efi/EFI/debian/shimx64.efi
write /boot/efi/EFI/BOOT/grubx64.efi
create /boot/efi/EFI/BOOT/mmx64.efi (0700)
write /boot/efi/EFI/BOOT/BOOTX64.EFI
create /boot/grub/debvisor-bios.pending (0644)
run grub-install --target=i386-pc --recheck /dev/nvme0n1
run sync
remove /boot/grub/debvisor-bios.pending
`

func machine(t *testing.T, changes ...string) *hosttest.Machine {
	m := hosttest.New(t, strings.NewReplacer(changes...).Replace(node))
	m.Runner.Answer("sync", "")
	m.Runner.Do("grub-install --target=i386-pc --recheck /dev/nvme0n1", func(host.Cmd) {
		data, err := m.ReadFile(module)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Apply(t.Context(), []host.Change{host.Write{Path: moduleCopy, After: string(data), Mode: 0o644}}); err != nil {
			t.Fatal(err)
		}
	})
	return m
}

func plan(t *testing.T, m *hosttest.Machine) []host.Change {
	t.Helper()
	changes, err := Plan(m.Host)
	if err != nil {
		t.Fatal(err)
	}
	return changes
}

func TestCopiesThatHaveFallenBehindAreRenewedOnce(t *testing.T) {
	m := machine(t)
	changes := plan(t, m)
	if got := hosttest.Lines(changes); got != renewed {
		t.Fatalf("got\n%s", got)
	}
	if err := m.Apply(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
	if data, err := m.ReadFile("/boot/efi/EFI/BOOT/BOOTX64.EFI"); string(data) != "shim 2\n" || err != nil {
		t.Errorf("%q, %v", data, err)
	}
	if again := plan(t, m); len(again) > 0 {
		t.Errorf("again:\n%s", hosttest.Lines(again))
	}
}

func TestARenewalThatIsCutOffAnywhereIsFinishedByTheNext(t *testing.T) {
	for n := range strings.Count(renewed, "\n") {
		m := machine(t)
		if err := m.Apply(t.Context(), plan(t, m)[:n]); err != nil {
			t.Fatal(err)
		}
		if rest := plan(t, m); !strings.Contains(hosttest.Lines(rest), "grub-install") {
			t.Errorf("after %d changes the rest is\n%s", n, hosttest.Lines(rest))
		} else if err := m.Apply(t.Context(), rest); err != nil {
			t.Fatal(err)
		}
		if again := plan(t, m); len(again) > 0 {
			t.Errorf("after %d changes, then again:\n%s", n, hosttest.Lines(again))
		}
	}
}

func TestNothingIsWrittenWhereItDoesNotBelong(t *testing.T) {
	for want, change := range map[string][]string{
		"/boot/efi is not mounted":                      {"/dev/nvme0n1p1 /boot/efi vfat rw 0 0\n", ""},
		"has no partition debvisor-bios":                {"PARTNAME=debvisor-bios", "PARTNAME=other"},
		"shimx64.efi.signed: no such file or directory": {"-- usr/lib/shim/shimx64.efi.signed --\nshim 2\n", ""},
		"normal.mod: no such file or directory":         {"-- usr/lib/grub/i386-pc/normal.mod --\n2.12-2\n", ""},
	} {
		if changes, err := Plan(machine(t, change...).Host); err == nil || !strings.Contains(err.Error(), want) || len(changes) > 0 {
			t.Errorf("%s: got %v\n%s", want, err, hosttest.Lines(changes))
		}
	}
}

func TestGRUBThatFailsIsTriedAgain(t *testing.T) {
	m := machine(t)
	m.Runner.Fail("grub-install --target=i386-pc --recheck /dev/nvme0n1", errors.New("no space"))
	if err := m.Apply(t.Context(), plan(t, m)); err == nil {
		t.Fatal("it went well")
	}
	if ok, err := BIOSCurrent(m.Host); ok || err != nil {
		t.Errorf("current: %v, %v", ok, err)
	}
}
