package disk

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

// run runs a tool on this system and skips the test when it is not installed.
func run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := host.New().Run(context.Background(), args...)
	if errors.Is(err, host.ErrMissing) {
		t.Skipf("%s is not installed", args[0])
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// file makes a blank image of a size in MiB.
func file(t *testing.T, size int64) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(name, size*mib); err != nil {
		t.Fatal(err)
	}
	return name
}

func open(t *testing.T, name string) (*os.File, int64) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return f, info.Size()
}

// formatters are tools that write a real signature to a plain file without root; DISK stands for the file.
var formatters = []struct {
	name    string
	size    int64 // MiB
	command string
	want    string
}{
	{"ext2", 16, "mkfs.ext2 -q -L data DISK", `ext2 "data"@0x438, ext2 "data"@0x800438`},
	{"ext3", 16, "mkfs.ext3 -q -b 4096 DISK", "ext3@0x438"},
	{"ext4", 16, "mkfs.ext4 -q -b 4096 -L data DISK", `ext4 "data"@0x438`},
	{"ext4 with a copy", 256, "mkfs.ext4 -q -b 4096 DISK", "ext4@0x438, ext4@0x8000038"},
	{"xfs", 320, "mkfs.xfs -q -L data DISK", `xfs "data"@0x0`},
	{"btrfs", 256, "mkfs.btrfs -q -L data DISK", `btrfs "data"@0x10040, btrfs "data"@0x4000040`},
	{"FAT12", 2, "mkfs.vfat -F12 -n DATA DISK", `vfat "DATA"@0x36`},
	{"FAT16", 32, "mkfs.vfat -F16 DISK", "vfat@0x36"},
	{"FAT32", 64, "mkfs.vfat -F32 -n DATA DISK", `vfat "DATA"@0x52`},
	{"swap with pages of 4 KiB", 8, "mkswap -L data -p 4096 DISK", `swap "data"@0xff6`},
	{"swap with pages of 16 KiB", 8, "mkswap -p 16384 DISK", "swap@0x3ff6"},
	{"swap with pages of 64 KiB", 8, "mkswap -p 65536 DISK", "swap@0xfff6"},
	{"LUKS1", 32, "cryptsetup -q luksFormat --type luks1 --pbkdf-force-iterations 1000 DISK -", "crypto_LUKS@0x0"},
	{"LUKS2", 32, "cryptsetup -q luksFormat --type luks2 --label vault --pbkdf pbkdf2 --pbkdf-force-iterations 1000 DISK -", `crypto_LUKS "vault"@0x0, crypto_LUKS@0x4000`},
	{"GPT", 64, "sgdisk -n 1:0:0 DISK", "PMBR@0x1fe, gpt@0x200, gpt@0x3fffe00"},
	{"squashfs", 16, "mksquashfs /etc/hostname DISK -noappend -quiet", "squashfs@0x0"},
	{"iso9660", 16, "xorriso -as mkisofs -quiet -V DATA -o DISK /etc/hostname", `iso9660 "DATA"@0x8001`},
}

func TestSignaturesOfRealFormattersAreFoundAndAgreeWithWipefs(t *testing.T) {
	t.Parallel()
	for _, c := range formatters {
		t.Run(c.name, func(t *testing.T) {
			name := formatted(t, c.size, c.command)
			f, size := open(t, name)
			got := Probe(f, size, 512)
			if kinds(got) != c.want || got.Empty() {
				t.Errorf("got  %s\nwant %s", kinds(got), c.want)
			}
			if doubts := secondOpinion(t.Context(), host.New(), name, got); len(doubts) > 0 {
				t.Errorf("wipefs disagrees: %v", doubts)
			}
			compareIDs(t, name, got)
		})
	}
}

// formatted runs one of the formatters on a new file.
func formatted(t *testing.T, size int64, command string) string {
	t.Helper()
	name := file(t, size)
	var args []string
	for word := range strings.FieldsSeq(command) {
		args = append(args, strings.Replace(word, "DISK", name, 1))
	}
	_, err := host.System{}.Run(t.Context(), host.Cmd{Args: args, Stdin: "a passphrase"})
	if errors.Is(err, host.ErrMissing) {
		t.Skipf("%s is not installed", args[0])
	}
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// compareIDs holds the UUID and the label of the first signature against blkid's.
func compareIDs(t *testing.T, name string, c Contents) {
	t.Helper()
	if c.Signatures[0].Kind == "PMBR" {
		return
	}
	for tag, got := range map[string]string{"UUID": c.Signatures[0].UUID, "LABEL": c.Signatures[0].Label} {
		want := strings.TrimSpace(run(t, "blkid", "-p", "-o", "value", "-s", tag, name))
		if got != "" && !strings.EqualFold(got, want) || got == "" && tag == "LABEL" && want != "" {
			t.Errorf("%s: got %q, blkid says %q", tag, got, want)
		}
	}
}

func TestWipingRealFormatsLeavesNothingForAnyone(t *testing.T) {
	t.Parallel()
	for _, c := range formatters {
		t.Run(c.name, func(t *testing.T) {
			name := formatted(t, c.size, c.command)
			f, size := open(t, name)
			if err := Wipe(f, size, 512); err != nil {
				t.Fatal(err)
			}
			if got := kinds(Probe(f, size, 512)); got != "" {
				t.Errorf("the probe still finds %s", got)
			}
			if got, err := parseWipefs([]byte(run(t, "wipefs", "-n", "--json", name))); err != nil || len(got) > 0 {
				t.Errorf("wipefs still finds %v (%v)", got, err)
			}
		})
	}
}

func TestAFileSystemInAWipedPartitionDoesNotComeBack(t *testing.T) {
	t.Parallel()
	name := file(t, 128)
	run(t, "sgdisk", "-n", "1:2048:+32M", "-n", "2:0:0", name)
	run(t, "mkfs.ext4", "-q", "-b", "4096", "-E", fmt.Sprintf("offset=%d", 33*mib), name, "32M")
	f, size := open(t, name)
	if got := kinds(Probe(f, size, 512)); !strings.Contains(got, "ext4@0x2100438 in partition 2") {
		t.Fatalf("before: %s", got)
	}
	if err := Wipe(f, size, 512); err != nil {
		t.Fatal(err)
	}
	run(t, "sgdisk", "-n", "1:2048:+32M", "-n", "2:0:0", name)
	if got, want := kinds(Probe(f, size, 512)), "PMBR@0x1fe, gpt@0x200, gpt@0x7fffe00"; got != want {
		t.Errorf("after the same partitions were made again: got %s, want %s", got, want)
	}
}

func TestWipefsNamesCraftedSignaturesAlike(t *testing.T) {
	name := file(t, 1)
	agreed := 0
	for _, c := range crafted {
		if err := os.Truncate(name, 0); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(name, 2*tib); err != nil {
			t.Skipf("no sparse file of 2 TiB here: %v", err)
		}
		f, size := open(t, name)
		at := c.at
		if at < 0 {
			at += size
		}
		if _, err := f.WriteAt([]byte(c.data), at); err != nil {
			t.Fatal(err)
		}
		if doubts := secondOpinion(t.Context(), host.New(), name, Probe(f, size, 512)); len(doubts) > 0 {
			t.Errorf("%s: %v", c.name, doubts)
		}
		if seen, err := parseWipefs([]byte(run(t, "wipefs", "-n", "--json", name))); err == nil && len(seen) > 0 {
			agreed++
		}
		f.Close()
	}
	if agreed < len(crafted)/3 {
		t.Errorf("wipefs recognised only %d of %d", agreed, len(crafted))
	}
	t.Logf("wipefs recognised %d of %d", agreed, len(crafted))
}
