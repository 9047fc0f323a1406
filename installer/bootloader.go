package installer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"debvisor/internal/host"
)

// bootloader plans what makes the disk boot, for BIOS and for UEFI: last of all, so that a disk that boots is a disk that
// is complete.
func (r *run) bootloader(ctx context.Context) ([]host.Change, error) {
	done, err := r.hasMenu()
	if err != nil {
		return nil, err
	}
	var changes []host.Change
	if !done {
		if changes, err = r.grub(); err != nil {
			return nil, err
		}
	}
	efi, err := r.efi()
	if err != nil || len(efi) == 0 && done {
		return nil, err
	}
	return append(changes, efi...), nil
}

// biosFile is written when GRUB for BIOS is on the disk, the one thing about it that files don't show.
const biosFile = "/boot/grub/debvisor-bios"

func (r *run) hasMenu() (bool, error) {
	bios, err := r.new.ReadFile(biosFile)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	menu, err := r.new.ReadFile("/boot/grub/grub.cfg")
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	boots := strings.Contains(string(menu), "root=UUID="+r.plan.Layout.Partitions[rootA].UUID)
	return boots && string(bios) == r.plan.Layout.GUID+"\n", err
}

// grub plans the menu and GRUB for BIOS, made by the new system's own tools.
func (r *run) grub() ([]host.Change, error) {
	changes, err := r.kernelMounts()
	if err != nil {
		return nil, err
	}
	return append(changes,
		r.chroot("update-grub"),
		host.Call{Why: "check that the boot menu starts the new system", Do: r.checkMenu},
		host.Exec{Cmd: host.Cmd{Args: []string{"sync"}}},
		r.chroot("grub-install", "--target=i386-pc", "--recheck", r.plan.Layout.Disk),
		host.Write{Path: biosFile, After: r.plan.Layout.GUID + "\n", Mode: 0o644, New: true},
	), nil
}

func (r *run) chroot(args ...string) host.Change {
	env := []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	return host.Exec{Cmd: host.Cmd{Args: append([]string{"chroot", r.in.targetDir()}, args...), Env: env}}
}

// kernelMounts plans what GRUB's tools look at in the new system.
func (r *run) kernelMounts() ([]host.Change, error) {
	mounted, err := r.mounted()
	if err != nil {
		return nil, err
	}
	var changes []host.Change
	for _, m := range [][]string{{"--bind", "/dev", "/dev"}, {"-t", "proc", "proc", "/proc"}, {"-t", "sysfs", "sysfs", "/sys"}} {
		where := path.Join(r.in.targetDir(), m[len(m)-1])
		if !slices.Contains(mounted, where) {
			changes = append(changes, host.Exec{Cmd: host.Cmd{Args: append(append([]string{"mount"}, m[:len(m)-1]...), where)}})
		}
	}
	return changes, nil
}

func (r *run) checkMenu(context.Context) error {
	menu, err := r.new.ReadFile("/boot/grub/grub.cfg")
	if err != nil {
		return err
	}
	for _, want := range []string{"root=UUID=" + r.plan.Layout.Partitions[rootA].UUID, "/vmlinuz-", "/initrd.img-"} {
		if !strings.Contains(string(menu), want) {
			return fmt.Errorf("check /boot/grub/grub.cfg: it has no %q", want)
		}
	}
	return nil
}
