package builder

import (
	"context"
	"strings"
	"testing"

	"debvisor/internal/host"
)

// live-boot asks is_supported_fs before it mounts anything: what it says no to is never touched.
func TestTheLiveSystemMountsOnlyFileSystemsWithoutAJournal(t *testing.T) {
	out, err := host.New().Run(context.Background(), "sh", "-c", `
is_supported_fs () { return 0; }
modprobe () { return 0; }
. ../config/overlay/usr/lib/live/boot/9999-debvisor.sh
for fs in ext2 ext3 ext4 xfs btrfs jfs reiserfs f2fs ntfs squashfs swap LVM2_member linux_raid_member zfs_member "" iso9660 udf vfat exfat; do
	if is_supported_fs $fs; then echo $fs; fi
done`)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "mounted", strings.Join(strings.Fields(string(out)), " "), "iso9660 udf vfat exfat")
}

// Without boot=live, on a node, the rules of LVM and MD stay.
func TestOnANodeNothingIsMasked(t *testing.T) {
	script := "../config/overlay/etc/initramfs-tools/scripts/init-top/debvisor-quiet"
	for _, args := range [][]string{{"prereqs"}, {}} {
		out, err := host.New().Run(context.Background(), append([]string{"sh", "-c", `mkdir () { echo "made $*"; }; ln () { echo "linked $*"; }; grep () { return 1; }; . "$0"`, script}, args...)...)
		if err != nil || len(out) > 0 {
			t.Errorf("%v: %s, %v", args, out, err)
		}
	}
	out, err := host.New().Run(context.Background(), "sh", "-c", `mkdir () { echo "$*"; }; ln () { echo "$*"; }; grep () { return 0; }; . "$0"`, script)
	if err != nil || !strings.Contains(string(out), "-sfn /dev/null /run/udev/rules.d/69-lvm.rules\n") || strings.Count(string(out), "\n") != 5 {
		t.Errorf("in the live system: %s, %v", out, err)
	}
}
