package disk

// format is a signature that a fixed magic at fixed places gives away.
type format struct {
	kind  string
	magic string
	at    []int64             // bytes from the start; negative: from the end
	skip  int64               // how far into its structure the magic stands
	label func([]byte) string // read from the start of that structure; nil: none
	uuid  func([]byte) string
}

// described is how many bytes of a structure are read for its label and UUID.
const described = 1024

// formats finds everything in the table, at every place: copies count too, since any of them can bring the rest back.
func (a area) formats() []Signature {
	var found []Signature
	for _, f := range table {
		for _, off := range f.at {
			pos := a.at(off)
			if !a.has(pos, f.magic) {
				continue
			}
			s := Signature{Kind: f.kind, Offset: pos}
			if b := a.read(pos-f.skip, min(described, a.size-pos+f.skip)); b != nil {
				s.Label, s.UUID = describe(f.label, b), describe(f.uuid, b)
			}
			found = append(found, s)
		}
	}
	return found
}

func describe(f func([]byte) string, b []byte) string {
	if f == nil {
		return ""
	}
	return f(b)
}

const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30
	tib = 1 << 40
)

// table holds what needs no more than a magic. Offsets are those of the magic itself, as in the formats' own documents
// and in wipefs. Order does not matter.
var table = []format{
	// file systems
	{kind: "xfs", magic: "XFSB", at: []int64{0}, uuid: guid(32), label: text(108, 12)},
	{kind: "btrfs", magic: "_BHRfS_M", at: []int64{64*kib + 64, 64*mib + 64, 256*gib + 64}, skip: 64, uuid: guid(32), label: text(299, 256)},
	{kind: "ntfs", magic: "NTFS    ", at: []int64{3}, skip: 3, uuid: hexLE(0x48, 8)},
	{kind: "exfat", magic: "EXFAT   ", at: []int64{3}, skip: 3, uuid: serial(100)},
	{kind: "refs", magic: "\x00\x00\x00ReFS\x00", at: []int64{0}},
	{kind: "f2fs", magic: "\x10\x20\xf5\xf2", at: []int64{1 * kib, 5 * kib}, uuid: guid(108), label: utf16(124, 128)},
	{kind: "nilfs2", magic: "\x34\x34", at: []int64{1*kib + 6}},
	{kind: "reiserfs", magic: "ReIsErFs", at: []int64{8*kib + 52, 64*kib + 52}},
	{kind: "reiserfs", magic: "ReIsEr2Fs", at: []int64{64*kib + 52}, skip: 52, uuid: guid(84), label: text(100, 16)},
	{kind: "reiserfs", magic: "ReIsEr3Fs", at: []int64{64*kib + 52}, skip: 52, uuid: guid(84), label: text(100, 16)},
	{kind: "reiser4", magic: "ReIsEr4", at: []int64{64 * kib}},
	{kind: "jfs", magic: "JFS1", at: []int64{32 * kib}, uuid: guid(136), label: text(152, 16)},
	{kind: "apfs", magic: "NXSB", at: []int64{32}, skip: 32, uuid: guid(72)},
	{kind: "hfsplus", magic: "H+", at: []int64{1 * kib}},
	{kind: "hfsplus", magic: "HX", at: []int64{1 * kib}},
	{kind: "hfs", magic: "BD", at: []int64{1 * kib}, label: pascal(36)},
	{kind: "ufs", magic: "\x54\x19\x01\x00", at: []int64{8*kib + 1372, 64*kib + 1372, 256*kib + 1372}},
	{kind: "ufs", magic: "\x19\x01\x54\x19", at: []int64{8*kib + 1372, 64*kib + 1372, 256*kib + 1372}},
	{kind: "ocfs2", magic: "OCFSV2", at: []int64{1 * kib, 2 * kib, 4 * kib, 8 * kib}},
	{kind: "gfs2", magic: "\x01\x16\x19\x70", at: []int64{64 * kib}},
	{kind: "befs", magic: "1SFB", at: []int64{32, 544}},
	{kind: "squashfs", magic: "hsqs", at: []int64{0}},
	{kind: "squashfs", magic: "sqsh", at: []int64{0}},
	{kind: "erofs", magic: "\xe2\xe1\xf5\xe0", at: []int64{1 * kib}, uuid: guid(48), label: text(64, 16)},
	{kind: "cramfs", magic: "\x45\x3d\xcd\x28", at: []int64{0}},
	{kind: "romfs", magic: "-rom1fs-", at: []int64{0}},
	{kind: "ubi", magic: "UBI#", at: []int64{0}},
	{kind: "ubifs", magic: "\x31\x18\x10\x06", at: []int64{0}},
	{kind: "zonefs", magic: "SFOZ", at: []int64{0}},
	{kind: "bcachefs", magic: "\xc6\x85\x73\xf6\x66\xce\x90\xa9\xd9\x6a\x60\xcf\x80\x3d\xf7\xef", at: []int64{4*kib + 24}, skip: 24, uuid: guid(56), label: text(72, 32)},
	{kind: "iso9660", magic: "CD001", at: []int64{32*kib + 1}, skip: 1, label: text(40, 32)},

	// volumes, encryption, caches
	{kind: "LVM1_member", magic: "HM\x01\x00", at: []int64{0}},
	{kind: "LVM1_member", magic: "HM\x02\x00", at: []int64{0}},
	{kind: "crypto_LUKS", magic: "LUKS\xba\xbe", at: []int64{0}, uuid: text(168, 40), label: luksLabel},
	{kind: "crypto_LUKS", magic: "SKUL\xba\xbe", at: []int64{16 * kib, 32 * kib, 64 * kib, 128 * kib, 256 * kib, 512 * kib, 1 * mib, 2 * mib, 4 * mib}, uuid: text(168, 40)},
	{kind: "BitLocker", magic: "-FVE-FS-", at: []int64{3}},
	{kind: "BitLocker", magic: "\x3b\xd6\x67\x49\x29\x2e\xd8\x4a\x83\x99\xf6\xa3\x39\xe3\xd0\x01", at: []int64{0x1a8}},
	{kind: "cs_fvault2", magic: "CS\x01\x00", at: []int64{88}},
	{kind: "bcache", magic: "\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81", at: []int64{4*kib + 24}, skip: 24, uuid: guid(40), label: text(72, 32)},
	{kind: "stratis", magic: "!Stra0tis\x86\xff\x02^\x41rh", at: []int64{512 + 4, 9*512 + 4}},
	{kind: "DM_integrity", magic: "integrt\x00", at: []int64{0}},
	{kind: "DM_verity_hash", magic: "verity\x00\x00", at: []int64{0}},
	{kind: "DM_snapshot_cow", magic: "SnAp", at: []int64{0}},
	{kind: "vdo", magic: "dmvdo001", at: []int64{0}},
	{kind: "ldm", magic: "PRIVHEAD", at: []int64{6 * 512, -512, -192 * 512}},
	{kind: "oracleasm", magic: "ORCLDISK", at: []int64{32}},
	{kind: "ceph_bluestore", magic: "bluestore block device", at: []int64{0, 1 * gib, 10 * gib, 100 * gib, 1000 * gib}, uuid: text(23, 36)},
	{kind: "VMFS_volume_member", magic: "\x0d\xd0\x01\xc0", at: []int64{1 * mib}},
	{kind: "VMFS", magic: "\x5e\xf1\xab\x2f", at: []int64{2 * mib, 16 * mib}},

	// partition tables that PC firmware does not use
	{kind: "mac", magic: "PM\x00\x00", at: []int64{512}},
	{kind: "bsd", magic: "\x57\x45\x56\x82", at: []int64{64, 512}},
	{kind: "sgi", magic: "\x0b\xe5\xa9\x41", at: []int64{0}},
	{kind: "sun", magic: "\xda\xbe", at: []int64{508}},
	{kind: "aix", magic: "\xc9\xc2\xd4\xc1", at: []int64{0}},

	// firmware RAID: its record is at the very end
	{kind: "isw_raid_member", magic: "Intel Raid ISM Cfg Sig. ", at: []int64{-2 * 512, -2 * 4096}},
	{kind: "ddf_raid_member", magic: "\xde\x11\xde\x11", at: []int64{-512, -257 * 512, -4096}},
	{kind: "ddf_raid_member", magic: "\x11\xde\x11\xde", at: []int64{-512, -257 * 512, -4096}},
	{kind: "nvidia_raid_member", magic: "NVIDIA", at: []int64{-2 * 512}},
	{kind: "lsi_mega_raid_member", magic: "$XIDE$", at: []int64{-512}},
	{kind: "silicon_medley_raid_member", magic: "\x00\x00\x00\x2f", at: []int64{-512 + 0x60}},
	{kind: "jmicron_raid_member", magic: "JM", at: []int64{-512}},
	{kind: "adaptec_raid_member", magic: "\x37\xfc\x4d\x1e", at: []int64{-512}},
	{kind: "promise_fasttrack_raid_member", magic: "Promise Technology, Inc.", at: []int64{-63 * 512, -255 * 512, -256 * 512, -16 * 512, -399 * 512}},
}
