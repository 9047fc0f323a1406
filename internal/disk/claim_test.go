package disk

import (
	"bufio"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"debvisor/internal/host"
)

// loop attaches a blank image of 64 MiB to a loop device and returns the device's facts and the image's name.
func loop(t *testing.T) (Disk, string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("attaching a loop device needs root")
	}
	name := file(t, 64)
	out, err := host.New().Run(t.Context(), "losetup", "--find", "--show", name)
	if err != nil {
		t.Skipf("no loop device: %v", err)
	}
	device := strings.TrimSpace(string(out))
	t.Cleanup(func() {
		if _, err := host.New().Run(context.Background(), "losetup", "-d", device); err != nil { // the test's own context has ended
			t.Error(err)
		}
	})
	return describeLoop(t, device), name
}

func describeLoop(t *testing.T, device string) Disk {
	t.Helper()
	facts, err := Read(t.Context(), host.New(), Options{Loops: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range facts.Disks {
		if d.Path == device {
			return d
		}
	}
	t.Fatalf("%s is not among %+v", device, facts.Disks)
	return Disk{}
}

func TestAClaimedDiskIsHeldAlone(t *testing.T) {
	d, _ := loop(t)
	if !d.Contents.Empty() || d.Size != 64*mib || d.Transport != "loop" {
		t.Fatalf("blank loop device: %+v", d)
	}
	f, err := Claim(t.Context(), host.New(), d)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := Claim(t.Context(), host.New(), d); !errors.Is(err, ErrBusy) {
		t.Errorf("second claim: got %v, want %v", err, ErrBusy)
	}
	if _, err := f.WriteAt([]byte("data"), 0); err != nil {
		t.Errorf("write: %v", err)
	}
}

func TestADiskThatChangedSincePlanningIsRefused(t *testing.T) {
	d, name := loop(t)
	other := d
	other.Device = "8:0"
	taller := d
	taller.Size += 512
	written := d
	written.Contents.Data = []int64{0}
	for _, planned := range []Disk{other, taller, written} {
		if f, err := Claim(t.Context(), host.New(), planned); !errors.Is(err, ErrChanged) {
			t.Errorf("planned %+v: got %v, %v, want %v", planned, f, err, ErrChanged)
		}
	}
	run(t, "mkfs.ext4", "-q", "-b", "4096", name)
	run(t, "blockdev", "--flushbufs", d.Path)
	want := "claim " + d.Path + ": disk is not what was planned: it holds ext4 at 0x438; planned when it is empty"
	if _, err := Claim(t.Context(), host.New(), d); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if f, err := Claim(t.Context(), host.New(), describeLoop(t, d.Path)); err != nil {
		t.Errorf("planned anew: %v", err)
	} else {
		f.Close()
	}
}

func TestADiskThatSomebodyOpenedExclusivelyIsBusy(t *testing.T) {
	d, _ := loop(t)
	f, err := os.OpenFile(d.Path, os.O_RDONLY|syscall.O_EXCL, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := Claim(t.Context(), host.New(), d); !errors.Is(err, ErrBusy) {
		t.Errorf("got %v, want %v", err, ErrBusy)
	}
}

func TestAFileInPlaceOfADeviceIsNotClaimed(t *testing.T) {
	h := loadMachine(t, "virtio-blank")
	facts, err := Read(t.Context(), h, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := "claim /dev/vda: disk is not what was planned: /dev/vda is not a block device"
	if _, err := Claim(t.Context(), h, facts.Disks[0]); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestAnotherIdentityBehindTheSameNameIsSeen(t *testing.T) {
	h := loadMachine(t, "virtio-blank")
	facts, err := Read(t.Context(), h, Options{})
	if err != nil {
		t.Fatal(err)
	}
	planned := facts.Disks[0]
	for attribute, c := range map[string]struct{ text, want string }{
		"device/model": {"QEMU\n", `model is "QEMU", planned ""`},
		"wwid":         {"eui.02\n", `wwn is "eui.02", planned ""`},
		"size":         {"4096\n", `size is "2097152", planned "10737418240"`},
	} {
		p := filepath.Join(h.Root, "sys/devices/pci0000:00/0000:00:05.0/virtio2/block/vda", attribute)
		before, missing := os.ReadFile(p)
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(c.text), 0o644)); err != nil {
			t.Fatal(err)
		}
		now, err := look(h, planned)
		if got := difference(planned, now); err != nil || got != c.want {
			t.Errorf("%s: got %q (%v), want %q", attribute, got, err, c.want)
		}
		if missing != nil {
			before = nil
		}
		if err := os.WriteFile(p, before, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnUnpluggedDiskIsSeen(t *testing.T) {
	h := loadMachine(t, "virtio-blank")
	if _, err := look(h, Disk{Path: "/dev/vdz"}); !errors.Is(err, ErrChanged) {
		t.Errorf("got %v, want %v", err, ErrChanged)
	}
}

func TestDeviceNumbersAreSplitAsTheKernelPacksThem(t *testing.T) {
	for dev, want := range map[uint64]string{0x803: "8:3", 0x10300: "259:0", 0x100810: "8:272"} {
		if got := deviceNumber(dev); got != want {
			t.Errorf("%#x: got %s, want %s", dev, got, want)
		}
	}
}

// The installer of each console has mounts of its own, which the other one does not see; the kernel does.
func TestADiskThatIsMountedOutOfSightIsBusy(t *testing.T) {
	d, name := loop(t)
	run(t, "mkfs.ext4", "-q", name)
	run(t, "blockdev", "--flushbufs", d.Path)
	planned := describeLoop(t, d.Path)
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	script := `mount -o ro "$0" "$1" && echo mounted && exec sleep 600`
	other, err := host.Start(t.Context(), host.Cmd{Args: []string{"unshare", "--mount", "sh", "-c", script, d.Path, t.TempDir()}}, host.Streams{Out: in})
	in.Close()
	if err != nil {
		t.Skipf("no namespace of its own: %v", err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "mounted\n" {
		t.Fatalf("the other namespace says %q, %v", line, err)
	}
	if now := describeLoop(t, d.Path); len(now.Mounts) > 0 {
		t.Fatalf("its mount is visible here: %v", now.Mounts)
	}
	if _, err := Claim(t.Context(), host.New(), planned); !errors.Is(err, ErrBusy) {
		t.Errorf("got %v, want %v", err, ErrBusy)
	}
	if err := other.Kill(); err != nil {
		t.Error(err)
	}
	other.Wait() // killed
	if f, err := Claim(t.Context(), host.New(), planned); err != nil {
		t.Errorf("when it has gone: %v", err)
	} else {
		f.Close()
	}
}
