package builder

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
)

// bootFiles are a directory with everything that a machine reads before it reads the payload, all of it from the root
// file system's own packages: kernel, initramfs, GRUB for BIOS, and Debian's signed shim and GRUB for UEFI.
type bootFiles struct{ key, dir string }

const bootVersion = 1

// grubModules are those in the core image that a BIOS loads: enough to read the disc and its menu, on screen and serial.
var grubModules = []string{"biosdisk", "iso9660", "normal", "configfile", "linux", "boot", "search", "search_label", "search_fs_file",
	"part_gpt", "part_msdos", "serial", "terminal", "echo", "test", "gzio", "minicmd", "ls", "cat", "halt", "reboot", "sleep", "true", "loopback", "regexp", "probe"}

// copied are files of the root file system by the name that boot/ has for them.
var copied = map[string]string{
	"boot_hybrid.img": "usr/lib/grub/i386-pc/boot_hybrid.img",
	"BOOTX64.EFI":     "usr/lib/shim/shimx64.efi.signed",
	"grubx64.efi":     "usr/lib/grub/x86_64-efi-signed/gcdx64.efi.signed", // the one made for CDs: it can read ISO 9660
	"mmx64.efi":       "usr/lib/shim/mmx64.efi.signed",
}

func (b *Builder) boot(ctx context.Context, root rootTree) (bootFiles, error) {
	key := b.bootKey(root.key)
	dir, err := b.cache.get(b.progress, "boot", b.Edition, key, func(dir string) error {
		return b.makeBoot(ctx, root, dir)
	})
	return bootFiles{key: key, dir: dir}, err
}

func (b *Builder) bootKey(rootKey string) string {
	return keyOf(bootVersion, rootKey, grubModules, copied)
}

func (b *Builder) makeBoot(ctx context.Context, root rootTree, dir string) error {
	if err := b.startLog("boot"); err != nil {
		return err
	}
	kernel, err := kernelVersion(root.dir)
	if err != nil {
		return err
	}
	for name, from := range copied {
		if err := copyFile(filepath.Join(root.dir, from), filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	if err := copyFile(filepath.Join(root.dir, "boot", "vmlinuz-"+kernel), filepath.Join(dir, "vmlinuz")); err != nil {
		return err
	}
	if err := copyFile(filepath.Join(root.dir, "boot", "initrd.img-"+kernel), filepath.Join(dir, "initrd.img")); err != nil {
		return err
	}
	if _, err := b.run(ctx, work{log: "boot", args: inside(root.dir, grubMkimage()...)}); err != nil {
		return err
	}
	core := filepath.Join(root.dir, coreImage)
	return errors.Join(copyFile(core, filepath.Join(dir, "eltorito.img")), os.Remove(core))
}

// coreImage is where the image's own GRUB puts what it makes: below /tmp, which the overlay stage empties, and not on
// standard output, which it cannot sync.
const coreImage = "tmp/eltorito.img"

// grubMkimage is the command of the image's own packages, so that it fits their modules.
func grubMkimage() []string {
	return slices.Concat([]string{"grub-mkimage", "--format=i386-pc-eltorito", "--prefix=/boot/grub", "--output=/" + coreImage}, grubModules)
}

// copyFile copies through the kernel, which shares the blocks where the file system can.
func copyFile(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.Create(to)
	if err != nil {
		return err
	}
	if _, err := dst.ReadFrom(src); err != nil {
		dst.Close()
		return err
	}
	return errors.Join(dst.Sync(), dst.Close())
}
