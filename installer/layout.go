package installer

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/diskfs/go-diskfs/partition/gpt"

	"debvisor/internal/disk"
	"debvisor/internal/exit"
)

const (
	mib = int64(1) << 20
	gib = int64(1) << 30
)

// The sizes of the system disk's partitions, for good: a later version upgrades into root-b.
const (
	espSize   = 1 * gib
	biosSize  = 1 * mib
	rootSize  = 10 * gib
	stateSize = 5 * gib // at least; it gets what is left
	LeastSize = 27 * gib
)

// Partition is one partition of the system disk. Start and Size are in bytes.
type Partition struct {
	Number int
	Name   string // PARTLABEL
	Type   gpt.Type
	Start  int64
	Size   int64
	GUID   string
	FS     string // vfat, ext4 or empty for none
	Label  string
	UUID   string // of the file system, as blkid prints it
	Mount  string // where the new system has it
}

// Layout is the system disk as it will be.
type Layout struct {
	Disk       string // path, such as /dev/sda
	Size       int64
	Sector     int64
	GUID       string
	Partitions []Partition
}

const (
	esp = iota
	bios
	rootA
	rootB
	state
)

// NewLayout lays out a disk; newID returns a new random UUID each time. A disk that is too small is refused.
func NewLayout(d disk.Disk, newID func() string) (Layout, error) {
	if d.Size < LeastSize {
		return Layout{}, exit.With(exit.Refused, fmt.Errorf("lay out %s: it has %s, the system needs %s", d.Path, binarySize(d.Size), binarySize(LeastSize)))
	}
	l := Layout{Disk: d.Path, Size: d.Size, Sector: d.Sector, GUID: newID(), Partitions: []Partition{
		{Name: "debvisor-esp", Type: gpt.EFISystemPartition, Size: espSize, FS: "vfat", Label: "DV-ESP", Mount: "/boot/efi"},
		{Name: "debvisor-bios", Type: gpt.BIOSBoot, Size: biosSize},
		{Name: "debvisor-root-a", Type: gpt.LinuxFilesystem, Size: rootSize, FS: "ext4", Label: "debvisor-root-a", Mount: "/"},
		{Name: "debvisor-root-b", Type: gpt.LinuxFilesystem, Size: rootSize},
		{Name: "debvisor-state", Type: gpt.LinuxFilesystem, FS: "ext4", Label: "debvisor-state", Mount: "/var"},
	}}
	at := mib
	for i := range l.Partitions {
		p := &l.Partitions[i]
		p.Number, p.Start, p.GUID = i+1, at, strings.ToUpper(newID())
		if p.Size == 0 {
			p.Size = (d.Size-mib)/mib*mib - at // the last MiB has the backup table
		}
		p.UUID = fsID(p.FS, newID)
		at += p.Size
	}
	return l, nil
}

// fsID is a file system's identity; FAT has only 32 bits for it.
func fsID(fs string, newID func() string) string {
	switch id := newID(); fs {
	case "":
		return ""
	case "vfat":
		return strings.ToUpper(id[:4] + "-" + id[4:8])
	default:
		return id
	}
}

// Device is the path of a partition: nvme0n1 has nvme0n1p1, sda has sda1.
func (l Layout) Device(i int) string {
	sep := ""
	if last := l.Disk[len(l.Disk)-1]; unicode.IsDigit(rune(last)) {
		sep = "p"
	}
	return fmt.Sprintf("%s%s%d", l.Disk, sep, l.Partitions[i].Number)
}

// table is the layout as a partition table.
func (l Layout) table() *gpt.Table {
	t := &gpt.Table{LogicalSectorSize: int(l.Sector), PhysicalSectorSize: int(l.Sector), GUID: l.GUID, ProtectiveMBR: true}
	for _, p := range l.Partitions {
		t.Partitions = append(t.Partitions, &gpt.Partition{
			Index: p.Number, Type: p.Type, Name: p.Name, GUID: p.GUID,
			Start: uint64(p.Start / l.Sector), End: uint64((p.Start+p.Size)/l.Sector) - 1,
		})
	}
	return t
}

// String is the table that people see.
func (l Layout) String() string {
	var b strings.Builder
	for i, p := range l.Partitions {
		what := strings.TrimSpace(p.FS + " " + p.Mount)
		if what == "" {
			what = map[int]string{bios: "GRUB for BIOS", rootB: "reserved for upgrades"}[i]
		}
		fmt.Fprintf(&b, "  %-16s %-16s %10s  %s\n", l.Device(i), p.Name, binarySize(p.Size), what)
	}
	return b.String()
}

// binarySize is a size in the units that partitions are laid out in; disks are sold, and shown, in decimal ones.
func binarySize(size int64) string {
	if size < gib {
		return fmt.Sprintf("%d MiB", size/mib)
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(size)/float64(gib)), ".0") + " GiB"
}
