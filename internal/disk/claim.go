package disk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"syscall"

	"debvisor/internal/host"
)

// What Claim refuses.
var (
	ErrBusy    = errors.New("disk is in use")
	ErrChanged = errors.New("disk is not what was planned")
)

// Claim opens a disk for writing, exclusively, right before the first write. It then reads everything about the disk again
// and refuses with ErrBusy or ErrChanged unless it is still the planned disk, unused, with the planned contents. While
// the file is open nobody else can mount the disk or its partitions or open them exclusively; formatters included, so
// close it after partitioning. The caller closes the file.
func Claim(ctx context.Context, h *host.Host, planned Disk) (*os.File, error) {
	p, err := h.Path(planned.Path)
	if err != nil {
		return nil, fmt.Errorf("claim %s: %w", planned.Path, err)
	}
	f, err := os.OpenFile(p, os.O_RDWR|syscall.O_EXCL, 0)
	if errors.Is(err, syscall.EBUSY) {
		return nil, fmt.Errorf("claim %s: %w", planned.Path, ErrBusy)
	}
	if err != nil {
		return nil, fmt.Errorf("claim %s: %w", planned.Path, err)
	}
	if err := verify(ctx, h, f, planned); err != nil {
		return nil, errors.Join(fmt.Errorf("claim %s: %w", planned.Path, err), f.Close())
	}
	return f, nil
}

// verify compares the open file and the machine as it is now with the plan.
func verify(ctx context.Context, h *host.Host, f *os.File, planned Disk) error {
	if err := sameDevice(f, planned); err != nil {
		return err
	}
	now, err := look(h, planned)
	if err != nil {
		return err
	}
	if why := now.Busy(); len(why) > 0 {
		return fmt.Errorf("%w: it %s", ErrBusy, why[0])
	}
	if changed := difference(planned, now); changed != "" {
		return fmt.Errorf("%w: %s", ErrChanged, changed)
	}
	now.Contents = inspect(ctx, h, now)
	if !now.Contents.Equal(planned.Contents) {
		return fmt.Errorf("%w: it %s; planned when it %s", ErrChanged, now.Contents, planned.Contents)
	}
	return nil
}

// sameDevice: the name in /dev must lead to the very device that was planned, not to a file or to another disk.
func sameDevice(f *os.File, planned Disk) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || st.Mode&syscall.S_IFMT != syscall.S_IFBLK {
		return fmt.Errorf("%w: %s is not a block device", ErrChanged, planned.Path)
	}
	if number := deviceNumber(st.Rdev); number != planned.Device {
		return fmt.Errorf("%w: device number is %s, planned %s", ErrChanged, number, planned.Device)
	}
	return nil
}

// deviceNumber splits a number as the kernel packs it.
func deviceNumber(dev uint64) string {
	major := dev>>8&0xfff | dev>>32&^0xfff
	minor := dev&0xff | dev>>12&^0xff
	return fmt.Sprintf("%d:%d", major, uint32(minor))
}

// look describes one disk anew, without probing it.
func look(h *host.Host, planned Disk) (Disk, error) {
	g, err := readGraph(h)
	if err != nil {
		return Disk{}, err
	}
	name := path.Base(planned.Path)
	if _, there := g.nodes[name]; !there {
		return Disk{}, fmt.Errorf("%w: it is gone", ErrChanged)
	}
	d, err := g.describe(name)
	if err != nil {
		return Disk{}, err
	}
	d.Contents.Signatures = planned.Contents.Signatures // tells which ZFS pool to look for
	all := []Disk{d}
	g.attribute(all)
	return all[0], nil
}

// difference names the first part of a disk's identity that is not as planned.
func difference(planned, now Disk) string {
	for _, c := range []struct{ what, was, is string }{
		{"serial", planned.Serial, now.Serial},
		{"wwn", planned.WWN, now.WWN},
		{"model", planned.Model, now.Model},
		{"size", fmt.Sprint(planned.Size), fmt.Sprint(now.Size)},
		{"sector size", fmt.Sprint(planned.Sector), fmt.Sprint(now.Sector)},
	} {
		if c.was != c.is {
			return fmt.Sprintf("%s is %q, planned %q", c.what, c.is, c.was)
		}
	}
	return ""
}
