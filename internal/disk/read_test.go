package disk

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
)

var update = flag.Bool("update", false, "rewrite the expected facts")

func TestFactsOfMachinesAreAsRecorded(t *testing.T) {
	files, err := filepath.Glob("testdata/machines/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no machines: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run(name, func(t *testing.T) {
			facts, err := Read(t.Context(), loadMachine(t, name), Options{})
			if err != nil {
				t.Fatal(err)
			}
			got, err := facts.JSON()
			if err != nil {
				t.Fatal(err)
			}
			golden := strings.TrimSuffix(file, ".txt") + ".json"
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(want) {
				t.Errorf("got %s\nwant %s", got, want)
			}
		})
	}
}

// busy is one line a disk: why it cannot be used.
func busy(t *testing.T, name string) string {
	t.Helper()
	facts, err := Read(t.Context(), loadMachine(t, name), Options{})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, d := range facts.Disks {
		lines = append(lines, d.Name()+": "+strings.Join(d.Busy(), "; "))
	}
	return strings.Join(lines, "\n")
}

func TestDisksInUseAreNamedWithTheReason(t *testing.T) {
	for name, want := range map[string]string{
		"nvme-root":    "nvme0n1: holds /; holds /boot/efi\nsda: ",
		"lvm-root":     "sda: holds /; holds /boot; holds swap; is mounted on /home; is used by LVM volume vg-home; is used by LVM volume vg-root; is used by LVM volume vg-swap\nsdb: holds /; is used by LVM volume vg-root\nsdc: ",
		"md-root":      "sda: holds /; holds swap; is used by RAID array md0\nsdb: holds /; holds swap; is used by RAID array md0\nsdc: ",
		"btrfs-root":   "vda: holds /; is mounted on /home\nvdb: holds /; is mounted on /home\nvdc: ",
		"live-usb":     "nvme0n1: \nsda: holds /; holds /run/live/rootfs/filesystem.squashfs; is the live medium\nsdb: ",
		"virtio-blank": "vda: \nvdb: ",
		"multipath":    "sda: is used by multipath device mpatha\nsdb: is used by multipath device mpatha\nsdc: \nsdd: ",
		"usb-sticks":   "sda: \nsdb: \nsdc: ",
		"crypt-btrfs":  "nvme0n1: holds /; is used by encrypted volume cryptroot\nsda: is mounted on /srv\nsdb: is mounted on /srv\nsdc: is used by device-mapper volume scratch",
		"odd-devices":  "mmcblk0: \nnvme0n1: \nsda: has no medium\nvda: is read-only",
		"zfs-data":     "sda: is mounted on /srv/vm; is used by ZFS pool tank\nsdb: ",
	} {
		if got := busy(t, name); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
		}
	}
}

func TestFactsSurviveTheirFile(t *testing.T) {
	facts, err := Read(t.Context(), loadMachine(t, "lvm-root"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	first, err := facts.JSON()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseFacts(first)
	if err != nil {
		t.Fatal(err)
	}
	second, err := again.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if string(first) != string(second) {
		t.Errorf("wrote %s\nread %s", first, second)
	}
}

func TestFactsFilesAreReadStrictly(t *testing.T) {
	for text, want := range map[string]string{
		`{"disks": [{"path": "/dev/sda", "sice": 5}]}`:                   `read disk facts: json: unknown field "sice"`,
		`{"disks": [{"path": "sda"}]}`:                                   `read disk facts: disk "sda": want one entry a disk, a path in /dev and a size`,
		`{"disks": [{"path": "/dev/sda"}, {"path": "/dev/sda"}]}`:        `read disk facts: disk "/dev/sda": want one entry a disk, a path in /dev and a size`,
		`{"disks": [{"path": "/dev/sda", "size": -1}]}`:                  `read disk facts: disk "/dev/sda": want one entry a disk, a path in /dev and a size`,
		`{"disks": []} {}`:                                               `read disk facts: more than one document`,
		`{"disks": [{"path": "/dev/sda", "contents": {"empty": true}}]}`: `read disk facts: json: unknown field "empty"`,
	} {
		if _, err := ParseFacts([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

func TestADiskThatWipefsCannotJudgeIsNotEmpty(t *testing.T) {
	const vda = "disk vda 254:0 pci0000:00/virtio2 size=20480\n"
	for answer, want := range map[string]string{
		"wipefs vda not json": "read the answer of wipefs: invalid character 'o' in literal null (expecting 'u')",
		`wipefs vda {"signatures": [{"offset": "0x410", "type": "minix"}]}`: "wipefs sees minix at 0x410",
		`wipefs vda {"signatures": []}`:                                     "is empty",
		"wipefs vda ":                                                       "is empty",
	} {
		facts, err := Read(t.Context(), newMachine(t, vda+answer), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := facts.Disks[0].Contents; got.String() != want || got.Empty() != (want == "is empty") {
			t.Errorf("%s: got %q, want %q", answer, got, want)
		}
	}
}

func TestLoopDevicesAreDisksOnlyWhenAskedFor(t *testing.T) {
	for o, want := range map[Options]string{{}: "mmcblk0 nvme0n1 sda vda", {Loops: true}: "loop3 mmcblk0 nvme0n1 sda vda"} {
		facts, err := Read(t.Context(), loadMachine(t, "odd-devices"), o)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range facts.Disks {
			got = append(got, d.Name())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%+v: got %v, want %s", o, got, want)
		}
	}
}

func TestWithoutWipefsNoDiskIsEmpty(t *testing.T) {
	h := newMachine(t, "disk vda 254:0 pci0000:00/virtio2 size=20480")
	h.Runner.(*hosttest.Runner).Fail("wipefs -n --json /dev/vda", host.ErrMissing)
	facts, err := Read(t.Context(), h, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := "run wipefs -n --json /dev/vda: executable file not found in $PATH"
	if got := facts.Disks[0].Contents; got.Empty() || got.String() != want {
		t.Errorf("got %q (empty: %v), want %q", got, got.Empty(), want)
	}
}

func TestADiskThatCannotBeOpenedIsListedAndNotEmpty(t *testing.T) {
	h := newMachine(t, "disk vda 254:0 pci0000:00/virtio2 size=20480")
	if err := os.Remove(filepath.Join(h.Root, "dev/vda")); err != nil {
		t.Fatal(err)
	}
	facts, err := Read(t.Context(), h, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := facts.Disks[0].Contents.String(), "open /dev/vda: no such file or directory"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzParsers(f *testing.F) {
	f.Add("22 1 8:1 / /mnt\\040a rw - overlay overlay rw,lowerdir=/a:/b")
	f.Add("S:disk/by-id/x\nE:ID_MODEL_ENC=a\\x20b")
	f.Add(`{"signatures": [{"offset": "0x410", "type": "minix"}]}`)
	f.Add(`{"disks": [{"path": "/dev/sda", "size": 5, "serial": "\u001b", "contents": {"probed": true, "data": [1]}}]}`)
	f.Fuzz(func(t *testing.T, s string) {
		for _, m := range parseMounts(s) {
			if m.Target == "" {
				t.Errorf("mount without a target from %q", s)
			}
		}
		parseSwaps(s)
		u := parseUdev(s)
		for name := range u.properties {
			if strings.ContainsAny(u.property(name), "\x1b\n") {
				t.Errorf("control character in %q", u.property(name))
			}
		}
		if seen, err := parseWipefs([]byte(s)); err != nil && len(seen) > 0 {
			t.Errorf("an error and a result: %v", seen)
		}
		if facts, err := ParseFacts([]byte(s)); err == nil {
			Explain(facts.Disks, []Role{{Name: "system"}}, nil)
		}
	})
}
