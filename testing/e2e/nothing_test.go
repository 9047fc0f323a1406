package e2e

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"debvisor/config"
	"debvisor/internal/exit"
	"debvisor/internal/host"
	"debvisor/testing/qemu"
)

// mistakes are three in one file, found all at once.
const mistakes = `version: 1
host:
  fqdn: nodots
users:
  - name: ops
    admin: true
    ssh_keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlp e2e"]
storage:
  profile: zsf
  system:
    match:
      serial: BLANK1
  typo: true
`

// forDisk are good answers for the disk that rule, a line of YAML, means.
func forDisk(rule string) string {
	return fmt.Sprintf(`version: 1
host:
  fqdn: hv01.lab.example
users:
  - name: ops
    admin: true
    ssh_keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlp e2e"]
storage:
  profile: zfs
  system:
    match:
      %s
`, rule)
}

// tampered is a copy of the medium in memory, in which command has changed something.
func tampered(command string) string {
	return "rm -rf /root/copy; mkdir -p /root/copy/live && cp -r /run/live/medium/debvisor /root/copy/ && cp /run/live/medium/live/filesystem.squashfs /root/copy/live/ && cd /root/copy && " + command
}

const flipByte = `at=$(($(stat -c %s live/filesystem.squashfs) / 2)) && ` +
	`byte=$(dd if=live/filesystem.squashfs bs=1 skip=$at count=1 status=none | od -An -tu1) && ` +
	`printf "\\$(printf %o $((byte ^ 1)))" | dd of=live/filesystem.squashfs bs=1 seek=$at conv=notrunc status=none`

// refusals are runs of the installer that must end with a code, say why, and write nothing.
var refusals = []struct {
	name, file, prepare, arguments string
	code                           int
	says                           []string
}{
	{"three mistakes in the answers", "mistakes.yaml", "", "", exit.Usage,
		[]string{"mistakes.yaml:3:", "mistakes.yaml:9:", "did you mean zfs?", "mistakes.yaml:13:", "typo"}},
	{"two disks match a rule for one", "two.yaml", "", "", exit.NoMatch, []string{"BLANK1", "BLANK2", "DATA1"}},
	{"no disk matches", "none.yaml", "", "", exit.NoMatch, []string{"BLANK1", "BLANK2", "DATA1"}},
	{"the disk holds a file system", "data.yaml", "", "", exit.Refused, []string{"DATA1", "ext4"}},
	{"the profile needs more disks", "few.yaml", "", "", exit.NoMatch, []string{"usb-zfs needs at least 3", "BLANK2"}},
	{"a byte of the payload is flipped", "good.yaml", tampered(flipByte), "--medium /root/copy", exit.Signature, []string{"filesystem.squashfs"}},
	{"the manifest is not what was signed", "good.yaml", tampered("sed -i 's/minimal/Minimal/' debvisor/manifest.json"),
		"--medium /root/copy", exit.Signature, []string{"manifest"}},
}

var answerFiles = map[string]string{
	"mistakes.yaml": mistakes,
	"two.yaml":      forDisk(`serial: "BLANK*"`),
	"none.yaml":     forDisk("serial: ABSENT"),
	"data.yaml":     forDisk("serial: DATA1"),
	"few.yaml":      strings.Replace(forDisk("serial: BLANK1"), "profile: zfs", "profile: usb-zfs", 1),
	"good.yaml":     forDisk("serial: BLANK1"),
}

// One boot of the live system, to its rescue shell, and the installer run there in every way that it must refuse.
func TestNothingIsWrittenWhenTheInstallerRefuses(t *testing.T) {
	iso := imageUnderTest(t, "qemu-system-x86_64", "mkfs.vfat", "mcopy", "mkfs.ext4")
	t.Parallel()
	dir := t.TempDir()
	disks := map[string]string{}
	for _, name := range []string{"BLANK1", "BLANK2", "DATA1"} {
		disks[name] = newDisk(t, dir, name)
	}
	if _, err := host.New().Run(t.Context(), "mkfs.ext4", "-q", "-F", disks["DATA1"]); err != nil {
		t.Fatal(err)
	}
	before := sums(t, disks)
	sh := rescueShell(t, iso, dir, disks)
	for _, r := range refusals {
		t.Run(r.name, func(t *testing.T) {
			if r.prepare != "" {
				if out, code := sh.run(t, 3*time.Minute, r.prepare); code != 0 {
					t.Fatalf("%s: exit code %d:\n%s", r.prepare, code, out)
				}
			}
			out, code := sh.run(t, 5*time.Minute, fmt.Sprintf("debvisor-installer --yes --answers /mnt/%s %s", r.file, r.arguments))
			if code != r.code {
				t.Errorf("exit code %d, want %d:\n%s", code, r.code, out)
			}
			for _, says := range r.says {
				if !strings.Contains(out, says) {
					t.Errorf("it does not say %q:\n%s", says, out)
				}
			}
			if after := sums(t, disks); !maps.Equal(after, before) {
				t.Errorf("a disk was written to: before %v, after %v", before, after)
			}
		})
	}
}

func sums(t *testing.T, disks map[string]string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for name, path := range disks {
		sum, err := qemu.Sum(path)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = sum
	}
	return all
}

// rescueShell boots the third entry of the menu, with the answers mounted on /mnt.
func rescueShell(t *testing.T, iso, dir string, disks map[string]string) shell {
	t.Helper()
	medium := filepath.Join(dir, "cases.img")
	if err := qemu.NewMedium(t.Context(), medium, "CASES", answerFiles); err != nil {
		t.Fatal(err)
	}
	drives := []qemu.Drive{{Path: iso, Bus: qemu.CD}, {Path: medium, Bus: qemu.USB, ReadOnly: true}}
	for _, name := range slices.Sorted(maps.Keys(disks)) {
		drives = append(drives, qemu.Drive{Path: disks[name], Bus: qemu.Virtio, Serial: name})
	}
	vm := start(t, qemu.Machine{Dir: dir, Log: consoleLog(t, "refusals"), Memory: 3072, Firmware: qemu.BIOS, Drives: drives})
	await(t, vm, 2*time.Minute, "Rescue shell")
	if err := vm.Console.Send("\x0e\x0e\r"); err != nil { // Ctrl-N is one down
		t.Fatal(err)
	}
	await(t, vm, 8*time.Minute, "# ")
	sh := shell{vm}
	if out, code := sh.run(t, time.Minute, "dmesg -n 1; mount -o ro LABEL=CASES /mnt"); code != 0 {
		t.Fatalf("mount the answers: exit code %d:\n%s", code, out)
	}
	return sh
}

// Were the answers wrong in another way, each refusal would be for another reason.
func TestAnswersAreGoodButForTheirMistakes(t *testing.T) {
	files := maps.Clone(answerFiles)
	for _, s := range []*site{biosSite(), uefiSite(), powerSite()} {
		s.credentials(t)
		files[s.name+".yaml"] = s.answers()
	}
	for name, text := range files {
		_, err := config.ParseNode(name, []byte(text))
		if (err == nil) != (name != "mistakes.yaml") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
