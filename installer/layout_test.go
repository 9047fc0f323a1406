package installer

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"debvisor/internal/disk"
	"debvisor/internal/exit"
)

// ids counts instead of drawing lots.
func ids() func() string {
	n := 0
	return func() string {
		n++
		return fmt.Sprintf("%08x-0000-4000-8000-000000000000", n)
	}
}

func TestTheLayoutFillsTheDisk(t *testing.T) {
	for _, sector := range []int64{512, 4096} {
		l, err := NewLayout(disk.Disk{Path: "/dev/nvme0n1", Size: 100*gib + 12345*512, Sector: sector}, ids())
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		for i, p := range l.Partitions {
			fmt.Fprintf(&got, "%s %s %d+%d MiB %s %s %s %s\n", l.Device(i), p.Name, p.Start/mib, p.Size/mib, p.FS, p.Label, p.UUID, p.Mount)
		}
		want := `/dev/nvme0n1p1 debvisor-esp 1+1024 MiB vfat DV-ESP 0000-0003 /boot/efi
/dev/nvme0n1p2 debvisor-bios 1025+1 MiB    
/dev/nvme0n1p3 debvisor-root-a 1026+10240 MiB ext4 debvisor-root-a 00000007-0000-4000-8000-000000000000 /
/dev/nvme0n1p4 debvisor-root-b 11266+10240 MiB    
/dev/nvme0n1p5 debvisor-state 21506+80899 MiB ext4 debvisor-state 0000000b-0000-4000-8000-000000000000 /var
`
		if got.String() != want {
			t.Errorf("sectors of %d:\n%s\nwant:\n%s", sector, got.String(), want)
		}
		last := l.table().Partitions[4]
		if end := (int64(last.End) + 1) * sector; end > l.Size-33*sector {
			t.Errorf("the last partition ends at %d, over the backup table of a disk of %d", end, l.Size)
		}
	}
}

func TestTheLeastDiskHasRoomForState(t *testing.T) {
	l, err := NewLayout(disk.Disk{Path: "/dev/sda", Size: LeastSize, Sector: 512}, ids())
	if err != nil || l.Partitions[state].Size < stateSize || l.Device(state) != "/dev/sda5" {
		t.Errorf("%+v, %v", l.Partitions[state], err)
	}
	if _, err := NewLayout(disk.Disk{Path: "/dev/sda", Size: LeastSize - 512, Sector: 512}, ids()); exit.Code(err) != exit.Refused {
		t.Errorf("a disk that is too small: %v", err)
	}
}

// A header may ask for gigabytes of entries; it must not get them.
func TestATableIsReadOnlyWhenItsHeaderIsModest(t *testing.T) {
	header := func(count, size uint32) []byte {
		disk := make([]byte, 1024)
		copy(disk[512:], "EFI PART")
		binary.LittleEndian.PutUint32(disk[512+80:], count)
		binary.LittleEndian.PutUint32(disk[512+84:], size)
		return disk
	}
	for name, c := range map[string]struct {
		disk []byte
		want bool
	}{
		"what everybody writes": {header(128, 128), true},
		"huge entries":          {header(128, 0xffffffff), false},
		"many entries":          {header(0xffffffff, 128), false},
		"no table":              {make([]byte, 1024), false},
		"half a header":         {header(128, 128)[:560], false},
	} {
		if got := plainGPT(bytes.NewReader(c.disk), 512); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
