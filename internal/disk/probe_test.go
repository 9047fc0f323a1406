package disk

import (
	"slices"
	"strings"
	"testing"
)

func zeros(n int) string { return strings.Repeat("\x00", n) }

// mbr is a boot record; entries are 16 bytes each.
func mbr(entries ...string) string {
	body := zeros(446) + strings.Join(entries, "")
	return body + zeros(510-len(body)) + "\x55\xaa"
}

// Headers as the formats' documents give them, with as much as this package reads.
const (
	md1 = "\xfc\x4e\x2b\xa9\x01\x00\x00\x00" + "\x00\x00\x00\x00\x00\x00\x00\x00" + "0123456789abcdef" + "host:root"
	md0 = "\xfc\x4e\x2b\xa9\x00\x00\x00\x00\x5a\x00\x00\x00"
)

// ext is a superblock from its magic on, with the three words of features.
func ext(compat, incompat, readOnly string) string {
	return "\x53\xef" + zeros(0x5c-58) + compat + zeros(3) + incompat + zeros(3) + readOnly + zeros(3) + "0123456789abcdef" + "data"
}

// crafted are signatures that no tool here writes, or not to a plain file, and a few that one does.
var crafted = []struct {
	name string
	at   int64 // negative: from the end of a disk of 2 TiB
	data string
	want string
}{
	{"ext2", 0x438, ext("\x00", "\x02", "\x01"), `ext2 "data"@0x438`},
	{"ext3", 0x438, ext("\x04", "\x02", "\x01"), `ext3 "data"@0x438`},
	{"ext4", 0x438, ext("\x04", "\x42", "\x01"), `ext4 "data"@0x438`},
	{"external ext journal", 0x438, ext("\x00", "\x08", "\x00"), `jbd "data"@0x438`},
	{"ext4 whose head was zeroed", 134217728 + 56, ext("\x04", "\x42", "\x01"), `ext4 "data"@0x8000038`},
	{"xfs", 0, "XFSB", "xfs@0x0"},
	{"btrfs", 0x10040, "_BHRfS_M", "btrfs@0x10040"},
	{"second superblock of btrfs", 0x4000040, "_BHRfS_M", "btrfs@0x4000040"},
	{"third superblock of btrfs", 0x4000000040, "_BHRfS_M", "btrfs@0x4000000040"},
	{"FAT32", 0, "\xeb\x58\x90" + zeros(0x43-3) + "\x01\x02\x03\x04DEBVISOR   FAT32   ", `vfat "DEBVISOR"@0x52`},
	{"FAT16", 54, "FAT16   ", "vfat@0x36"},
	{"FAT12", 54, "FAT12   ", "vfat@0x36"},
	{"FAT without its name", 0, "\xeb\x3c\x90mkdosfs\x00\x00\x02\x04\x01\x00\x02\x00\x02\x00\x20\xf8\x20\x00" + zeros(510-24) + "\x55\xaa", "vfat@0x1fe"},
	{"NTFS", 3, "NTFS    ", "ntfs@0x3"},
	{"exFAT", 3, "EXFAT   ", "exfat@0x3"},
	{"BitLocker", 3, "-FVE-FS-", "BitLocker@0x3"},
	{"ReFS", 3, "ReFS\x00", "refs@0x0"},
	{"f2fs", 1024, "\x10\x20\xf5\xf2", "f2fs@0x400"},
	{"second superblock of f2fs", 5120, "\x10\x20\xf5\xf2", "f2fs@0x1400"},
	{"swap with pages of 4 KiB", 4086, "SWAPSPACE2", "swap@0xff6"},
	{"swap with pages of 8 KiB", 8182, "SWAPSPACE2", "swap@0x1ff6"},
	{"swap with pages of 16 KiB", 16374, "SWAPSPACE2", "swap@0x3ff6"},
	{"swap with pages of 32 KiB", 32758, "SWAPSPACE2", "swap@0x7ff6"},
	{"swap with pages of 64 KiB", 65526, "SWAPSPACE2", "swap@0xfff6"},
	{"old swap", 4086, "SWAP-SPACE", "swap@0xff6"},
	{"hibernated system", 4086, "S1SUSPEND\x00", "swsuspend@0xff6"},
	{"LVM physical volume", 512, "LABELONE" + zeros(12) + "\x20\x00\x00\x00LVM2 001", "LVM2_member@0x218"},
	{"LVM physical volume in the fourth sector", 1536, "LABELONE" + zeros(12) + "\x20\x00\x00\x00LVM2 001", "LVM2_member@0x618"},
	{"LUKS1", 0, "LUKS\xba\xbe\x00\x01aes", "crypto_LUKS@0x0"},
	{"LUKS2", 0, "LUKS\xba\xbe\x00\x02" + zeros(16) + "vault", `crypto_LUKS "vault"@0x0`},
	{"second header of LUKS2", 0x4000, "SKUL\xba\xbe\x00\x02", "crypto_LUKS@0x4000"},
	{"second header of LUKS2 behind a large area", 0x400000, "SKUL\xba\xbe\x00\x02", "crypto_LUKS@0x400000"},
	{"md 1.1", 0, md1, `linux_raid_member "host:root"@0x0`},
	{"md 1.2", 4096, md1, `linux_raid_member "host:root"@0x1000`},
	{"md 1.0", -8192, md1, `linux_raid_member "host:root"@0x1ffffffe000`},
	{"md 0.90", -65536, md0, "linux_raid_member@0x1ffffff0000"},
	{"md 0.90 of a big-endian machine", -65536, "\xa9\x2b\x4e\xfc\x00\x00\x00\x00", "linux_raid_member@0x1ffffff0000"},
	{"Intel RAID", -1024, "Intel Raid ISM Cfg Sig. 1.3.00", "isw_raid_member@0x1fffffffc00"},
	{"Intel RAID on 4 KiB sectors", -8192, "Intel Raid ISM Cfg Sig. 1.3.00", "isw_raid_member@0x1ffffffe000"},
	{"DDF", -512, "\xde\x11\xde\x11", "ddf_raid_member@0x1fffffffe00"},
	{"DRBD", -4096 + 60, "\x83\x74\x02\x6d", "drbd@0x1fffffff03c"},
	{"BlueStore", 0, "bluestore block device\n12345678-1234-1234-1234-123456789abc", "ceph_bluestore@0x0"},
	{"BlueStore whose head was zeroed", 0x40000000, "bluestore block device\n", "ceph_bluestore@0x40000000"},
	{"VMFS volume", 0x100000, "\x0d\xd0\x01\xc0", "VMFS_volume_member@0x100000"},
	{"VMFS", 0x200000, "\x5e\xf1\xab\x2f", "VMFS@0x200000"},
	{"bcache", 0x1018, "\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81", "bcache@0x1018"},
	{"iso9660", 32769, "CD001\x01\x00" + strings.Repeat(" ", 32) + "DEBIAN_13" + strings.Repeat(" ", 23), `iso9660 "DEBIAN_13"@0x8001`},
	{"udf", 32769 + 2048, "NSR03", "udf@0x8801"},
	{"Windows dynamic disk", 3072, "PRIVHEAD", "ldm@0xc00"},
	{"copy at the end of a Windows dynamic disk", -512, "PRIVHEAD", "ldm@0x1fffffffe00"},
	{"APFS", 32, "NXSB", "apfs@0x20"},
	{"HFS+", 1024, "H+\x00\x04", "hfsplus@0x400"},
	{"reiserfs", 65588, "ReIsEr2Fs", "reiserfs@0x10034"},
	{"JFS", 32768, "JFS1", "jfs@0x8000"},
	{"squashfs", 0, "hsqs" + zeros(24) + "\x04", "squashfs@0x0"},
	{"erofs", 1024, "\xe2\xe1\xf5\xe0", "erofs@0x400"},
	{"GFS2", 65536, "\x01\x16\x19\x70", "gfs2@0x10000"},
	{"OCFS2", 8192, "OCFSV2", "ocfs2@0x2000"},
	{"Stratis", 516, "!Stra0tis\x86\xff\x02^\x41rh", "stratis@0x204"},
	{"GPT", 512, "EFI PART", "gpt@0x200"},
	{"GPT on 4 KiB sectors", 4096, "EFI PART", "gpt@0x1000"},
	{"backup of a GPT", -512, "EFI PART", "gpt@0x1fffffffe00"},
	{"backup of a GPT on 4 KiB sectors", -4096, "EFI PART", "gpt@0x1fffffff000"},
	{"MBR", 0, mbr("\x80\x00\x00\x00\x83\x00\x00\x00\x00\x08\x00\x00\x00\x08\x00\x00"), "dos@0x1fe"},
	{"boot code without partitions", 0, mbr(), "dos@0x1fe"},
	{"protective MBR without its GPT", 0, mbr("\x00\x00\x00\x00\xee\x00\x00\x00\x01\x00\x00\x00\xff\xff\xff\xff"), "PMBR@0x1fe"},
}

func TestSignaturesAreRecognisedWhereTheirFormatsPutThem(t *testing.T) {
	for _, c := range crafted {
		t.Run(c.name, func(t *testing.T) {
			got := blank(piece{c.at, c.data}).probe()
			if kinds(got) != c.want || got.Empty() {
				t.Errorf("got  %s (empty: %v)\nwant %s", kinds(got), got.Empty(), c.want)
			}
		})
	}
}

// xdr writes name-value pairs as a ZFS label has them.
func xdr(pool string) string {
	word := func(n int) string { return string([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}) }
	padded := func(s string) string { return word(len(s)) + s + zeros((4-len(s)%4)%4) }
	pair := func(name string, kind int, value string) string {
		body := padded(name) + word(kind) + word(1) + value
		return word(len(body)+8) + word(64) + body
	}
	return "\x01\x01\x00\x00" + word(0) + word(1) + pair("version", 8, word(0)+word(5000)) + pair("name", 9, padded(pool)) +
		pair("pool_guid", 8, word(1)+word(2)) + word(0) + word(0)
}

func TestEachZFSLabelIsFoundByItself(t *testing.T) {
	const label = 256 << 10
	for name, start := range map[string]int64{"first": 0, "second": label, "third": 2*tib - 2*label, "fourth": 2*tib - label} {
		for order, magic := range map[string]string{"little": "\x0c\xb1\xba" + zeros(5), "big": zeros(5) + "\xba\xb1\x0c"} {
			got := blank(piece{start + 16<<10, xdr("tank")}, piece{start + 128<<10 + 5<<10, magic}).probe()
			want := Signature{Kind: "zfs_member", Offset: start + 133<<10, Label: "tank", UUID: "4294967298"}
			if len(got.Signatures) != 1 || got.Signatures[0] != want {
				t.Errorf("%s label, %s-endian: got %+v, want %+v", name, order, got.Signatures, want)
			}
		}
	}
	if got := blank(piece{16 << 10, xdr("spare")}).probe(); kinds(got) != `zfs_member "spare"@0x4000` {
		t.Errorf("label without uberblock: got %s", kinds(got))
	}
}

func TestAnEnlargedDiskShowsTheGPTCopyAtItsOldEnd(t *testing.T) {
	header := "EFI PART" + zeros(24) + "\x00\x00\x10\x00" + zeros(4) // alternate LBA 0x100000
	got := blank(piece{512, header}, piece{0x100000 * 512, "EFI PART"}).probe()
	if want := "gpt@0x200, gpt@0x20000000"; kinds(got) != want {
		t.Errorf("got %s, want %s", kinds(got), want)
	}
}

func TestContentsOfPartitionsAreFoundThroughTheTable(t *testing.T) {
	first := "\x00\x00\x00\x00\x83\x00\x00\x00\x00\x08\x00\x00\x00\x00\x10\x00"    // sector 2048
	extended := "\x00\x00\x00\x00\x05\x00\x00\x00\x00\x00\x20\x00\x00\x00\x20\x00" // sector 0x200000
	logical := "\x00\x00\x00\x00\x83\x00\x00\x00\x00\x08\x00\x00\x00\x00\x10\x00"
	got := blank(
		piece{0, mbr(first, extended)}, piece{1 * mib, "XFSB"},
		piece{0x200000 * 512, mbr(logical)}, piece{0x200800 * 512, "hsqs"},
	).probe()
	if want := "dos@0x1fe, xfs@0x100000 in partition 1, squashfs@0x40100000 in partition 5"; kinds(got) != want {
		t.Errorf("got  %s\nwant %s", kinds(got), want)
	}
}

func TestDataWithoutASignatureIsNotEmpty(t *testing.T) {
	for name, at := range map[string]int64{"in the first MiB": 700_000, "where a first partition starts": mib, "where a second one may start": 33 * mib, "in the last MiB": -5, "far inside": tib + 100} {
		got := blank(piece{at, "something"}).probe()
		if len(got.Signatures) > 0 || len(got.Data) != 1 || got.Empty() {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

func TestOnlyABlankReadableDiskIsEmpty(t *testing.T) {
	unreadable := blank()
	unreadable.bad = 512
	for _, c := range []struct {
		name string
		got  Contents
		want string
	}{
		{"zeros", blank().probe(), "is empty"},
		{"ones", Probe(strings.NewReader(strings.Repeat("\xff", 4*mib)), 4*mib, 512), "is empty"},
		{"ones and zeros", Probe(strings.NewReader("\xff"+zeros(4*mib-1)), 4*mib, 512), "holds unknown data at 0x1"},
		{"never probed", Contents{}, "was not looked at"},
		{"no medium", Probe(strings.NewReader(""), 0, 512), "was not looked at"},
	} {
		if got := c.got.String(); got != c.want || c.got.Empty() != (c.want == "is empty") {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
	if got := unreadable.probe(); got.Empty() || !strings.Contains(got.String(), "input/output error") {
		t.Errorf("unreadable sector: got %q", got)
	}
	if got := Probe(strings.NewReader(zeros(mib)), 4*mib, 512); got.Empty() {
		t.Errorf("disk that ends before its size: got %q", got)
	}
}

func TestLabelsCannotDriveATerminal(t *testing.T) {
	got := blank(piece{0, "LUKS\xba\xbe\x00\x02" + zeros(16) + "\x1b[2J\xff"}).probe()
	if want := `crypto_LUKS "?[2J?"@0x0`; kinds(got) != want {
		t.Errorf("got %s, want %s", kinds(got), want)
	}
}

func FuzzProbe(f *testing.F) {
	f.Add([]byte(mbr("\x80\x00\x00\x00\x05\x00\x00\x00\x00\x08\x00\x00\x00\x08\x00\x00")), uint32(0))
	f.Add([]byte("EFI PART"+zeros(64)+"\x02"+zeros(7)+"\x80\x00\x00\x00\x80\x00\x00\x00"), uint32(512))
	f.Add([]byte(xdr("tank")), uint32(16<<10))
	f.Add([]byte("LABELONE"+zeros(12)+"\xff\xff\xff\xffLVM2 001"), uint32(512))
	f.Add([]byte(zfsMagicLE), uint32(128<<10))
	f.Add([]byte(ext("\x04", "\x42", "\x01")), uint32(0x438))
	f.Fuzz(func(t *testing.T, data []byte, at uint32) {
		// Small, because the sample and the labels of 128 partitions are what takes time.
		m := &image{size: 3 * mib, pieces: []piece{{int64(at % (3 * mib)), string(data)}}}
		c := Probe(m, m.size, 512<<(at>>31*3))
		for _, s := range c.Signatures {
			if s.Offset < 0 || s.Offset >= m.size {
				t.Errorf("signature outside the disk: %+v", s)
			}
		}
		inside := int64(at%(3*mib)) <= m.size-int64(len(data))
		something := slices.ContainsFunc(data, func(b byte) bool { return b != 0 && b != 0xff })
		if c.Empty() && inside && something {
			t.Errorf("a disk that holds %q is empty", data)
		}
		if err := Wipe(m, m.size, 512); err != nil {
			t.Error(err)
		}
	})
}
