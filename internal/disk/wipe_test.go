package disk

import (
	"errors"
	"testing"
)

func TestWipeRemovesEveryCopy(t *testing.T) {
	gpt := "EFI PART" + zeros(64) + "\x02" + zeros(7) + "\x04\x00\x00\x00\x80\x00\x00\x00"
	entry := "0123456789abcdef0123456789abcdef" + "\x00\x08\x00\x00\x00\x00\x00\x00" + "\xff\xff\xff\x00\x00\x00\x00\x00"
	for name, m := range map[string]*image{
		"four ZFS labels": blank(piece{16 << 10, xdr("tank")}, piece{272 << 10, xdr("tank")},
			piece{-512<<10 + 16<<10, xdr("tank")}, piece{-256<<10 + 16<<10, xdr("tank")}),
		"BlueStore with its copies": blank(piece{0, "bluestore block device\n"}, piece{1 * gib, "bluestore block device\n"},
			piece{10 * gib, "bluestore block device\n"}, piece{100 * gib, "bluestore block device\n"}, piece{1000 * gib, "bluestore block device\n"}),
		"all superblocks of btrfs": blank(piece{0x10040, "_BHRfS_M"}, piece{0x4000040, "_BHRfS_M"}, piece{0x4000000040, "_BHRfS_M"}),
		"both headers of LUKS2":    blank(piece{0, "LUKS\xba\xbe\x00\x02"}, piece{0x400000, "SKUL\xba\xbe\x00\x02"}),
		"md at the end":            blank(piece{-65536, "\xfc\x4e\x2b\xa9" + zeros(60)}),
		"a table that only the backup has, and md in its partition": blank(piece{-512, gpt}, piece{1024, entry},
			piece{1*mib + 4096, "\xfc\x4e\x2b\xa9\x01" + zeros(251)}),
	} {
		t.Run(name, func(t *testing.T) {
			if before := kinds(m.probe()); before == "" {
				t.Fatal("nothing to wipe")
			}
			if err := Wipe(m, m.size, 512); err != nil {
				t.Fatal(err)
			}
			if got := m.probe(); !got.Empty() {
				t.Errorf("left: %s", got)
			}
		})
	}
}

func TestAnInterruptedWipeCanBeBegunAgain(t *testing.T) {
	table := mbr("\x00\x00\x00\x00\x83\x00\x00\x00\x00\x08\x00\x00\x00\x00\x10\x00")
	for allowed := range 8 {
		m := blank(piece{0, table}, piece{1*mib + 0x438, "\x53\xef" + zeros(100)}, piece{64 * mib, "data"})
		cut := &failing{image: m, writes: allowed}
		if err := Wipe(cut, m.size, 512); err == nil {
			break // it had enough writes
		}
		if err := Wipe(m, m.size, 512); err != nil {
			t.Fatal(err)
		}
		m.WriteAt([]byte(table), 0)
		if got, want := kinds(m.probe()), "dos@0x1fe"; got != want {
			t.Errorf("interrupted after %d writes: the partition again holds %s", allowed, got)
		}
	}
}

// failing loses power after some writes.
type failing struct {
	*image
	writes int
}

func (f *failing) WriteAt(b []byte, off int64) (int, error) {
	if f.writes--; f.writes < 0 {
		return 0, errors.New("power cut")
	}
	return f.image.WriteAt(b, off)
}

// stuck pretends to write, as a disk with a worn-out or locked flash does.
type stuck struct{ *image }

func (stuck) WriteAt(b []byte, _ int64) (int, error) { return len(b), nil }

func TestADiskThatIgnoresWritesIsAnError(t *testing.T) {
	m := blank(piece{0, "XFSB"})
	want := "wipe: signatures come back after each round"
	if err := Wipe(stuck{m}, m.size, 512); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
