package installer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/diskfs/go-diskfs/partition/gpt"

	"debvisor/internal/disk"
	"debvisor/internal/host"
)

// partition plans the partition table, and that the kernel knows it.
func (r *run) partition(context.Context) ([]host.Change, error) {
	have, err := r.hasTable()
	if err != nil {
		return nil, err
	}
	l := r.plan.Layout
	var changes []host.Change
	if !have {
		changes = append(changes, host.Call{Why: fmt.Sprintf("write a partition table with %d partitions to %s", len(l.Partitions), l.Disk), Do: r.writeTable})
	}
	if have && r.kernelKnows() {
		return nil, nil
	}
	settle := host.Exec{Cmd: host.Cmd{Args: []string{"udevadm", "settle", "--timeout=30"}}, Why: "wait for udev"}
	tell := host.Call{Why: "have the kernel know the partitions of " + l.Disk, Do: r.tellKernel}
	return append(changes, settle, tell, settle, tell), nil // udev reads the table on its own and may take devices away for a moment
}

// hasTable reports whether the disk has just the planned table.
func (r *run) hasTable() (bool, error) {
	p, err := r.in.Live.Path(r.plan.Layout.Disk)
	if err != nil {
		return false, err
	}
	f, err := os.Open(p)
	if err != nil {
		return false, err
	}
	defer f.Close()
	return sameTable(f, r.plan.Layout), nil
}

// sameTable compares a disk's table with a layout; no table at all, or a damaged one, is a different table.
func sameTable(f *os.File, l Layout) bool {
	if !plainGPT(f, l.Sector) {
		return false
	}
	t, err := gpt.Read(f, int(l.Sector), int(l.Sector))
	if err != nil || t.RecoveredFromBackup || !strings.EqualFold(t.GUID, l.GUID) {
		return false
	}
	var got []*gpt.Partition
	for _, p := range t.Partitions {
		if p.Type != gpt.Unused {
			got = append(got, p)
		}
	}
	want := l.table().Partitions
	if len(got) != len(want) {
		return false
	}
	for i, w := range want {
		g := got[i]
		if g.Name != w.Name || g.Type != w.Type || g.Start != w.Start || g.End != w.End || !strings.EqualFold(g.GUID, w.GUID) {
			return false
		}
	}
	return true
}

// plainGPT reports whether the header at the start of a disk announces entries such as everybody writes: the library
// allocates whatever number and size a header asks for, and the disk may be anybody's.
func plainGPT(f io.ReaderAt, sector int64) bool {
	header := make([]byte, 92)
	if _, err := f.ReadAt(header, sector); err != nil {
		return false
	}
	count, size := binary.LittleEndian.Uint32(header[80:]), binary.LittleEndian.Uint32(header[84:])
	return string(header[:8]) == "EFI PART" && count <= 256 && size == 128
}

// writeTable is the first write of all: the disk is claimed, looked at once more, and cleared of what was on it.
func (r *run) writeTable(ctx context.Context) (err error) {
	d := r.plan.Choice.System.Disk
	f, err := disk.Claim(ctx, r.in.Live, d)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := disk.Wipe(f, d.Size, d.Sector); err != nil {
		return err
	}
	if err := clearEdges(f, r.plan.Layout); err != nil {
		return err
	}
	if err := r.plan.Layout.table().Write(f, d.Size); err != nil {
		return fmt.Errorf("write the partition table of %s: %w", d.Path, err)
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if !sameTable(f, r.plan.Layout) {
		return fmt.Errorf("read the partition table of %s again: it is not what was written", d.Path)
	}
	return nil
}

// clearEdges zeroes both ends of each partition to be, so that no file system of an earlier life shows up in one.
func clearEdges(f *os.File, l Layout) error {
	blank := make([]byte, mib)
	for _, p := range l.Partitions {
		for _, at := range []int64{p.Start, p.Start + p.Size - mib} {
			if _, err := f.WriteAt(blank, at); err != nil {
				return fmt.Errorf("clear %s: %w", p.Name, err)
			}
		}
	}
	return nil
}

// kernelKnows reports whether every partition has a device of the planned place and size.
func (r *run) kernelKnows() bool {
	for i, p := range r.plan.Layout.Partitions {
		device := r.plan.Layout.Device(i)
		dir := "/sys/class/block/" + path.Base(device)
		if !r.in.Live.Exists(device) || r.sectors(dir+"/start") != p.Start || r.sectors(dir+"/size") != p.Size {
			return false
		}
	}
	return true
}

// sectors is a number of sysfs, which always counts in 512 bytes, as bytes; -1 when there is none.
func (r *run) sectors(name string) int64 {
	data, err := r.in.Live.ReadFile(name)
	if err != nil {
		return -1
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	if err != nil {
		return -1
	}
	return n * 512
}

const deviceTimeout = 15 * time.Second

// tellKernel asks until every partition is there: udev may be at the same, and then partx says that they exist.
func (r *run) tellKernel(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, deviceTimeout)
	defer cancel()
	var last error
	for !r.kernelKnows() {
		_, last = r.in.Live.Run(ctx, "partx", "--update", r.plan.Layout.Disk)
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return errors.Join(fmt.Errorf("wait for the partitions of %s: %w", r.plan.Layout.Disk, err), last)
		}
	}
	return nil
}
