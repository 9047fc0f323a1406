package iso

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"debvisor/internal/host"
)

// The boot tests start a disc of a few megabytes, whose menu prints a word on the serial line and halts, in an emulated
// machine. They take a minute and need QEMU: they run with DEBVISOR_QEMU=1.

const (
	refused  = "Access Denied" // how the firmware says that a loader is not signed
	marker   = "debvisor-booted-here"
	grubMenu = "serial --unit=0 --speed=115200\nterminal_output serial\necho " + marker + " $grub_platform\nhalt\n"
)

// bootRoot is where the signed boot loaders are looked for: packages unpacked elsewhere will do.
func bootRoot() string { return os.Getenv("DEBVISOR_BOOT_ROOT") }

func need(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := os.Stat(name); err != nil {
			t.Skipf("needs %s", name)
		}
	}
}

// grubDisc is a disc with GRUB's own core image and the given files on its EFI system partition.
func grubDisc(t *testing.T, esp []File) Disc {
	const modules = "/usr/lib/grub/i386-pc"
	need(t, modules+"/boot_hybrid.img")
	core := filepath.Join(t.TempDir(), "core.img")
	run(t, "grub-mkimage", "-O", "i386-pc-eltorito", "-p", "/boot/grub", "-o", core,
		"biosdisk", "iso9660", "normal", "configfile", "search", "part_gpt", "part_msdos", "serial", "terminal", "echo", "halt")
	hybrid, err := os.ReadFile(modules + "/boot_hybrid.img")
	if err != nil {
		t.Fatal(err)
	}
	return Disc{
		VolumeID: "DEBVISOR_BOOT", Epoch: testEpoch, ID: "boot", HybridMBR: hybrid,
		BIOSImage: "boot/grub/i386-pc/eltorito.img", EFIImage: "boot/efi.img", ESP: esp,
		Files: []File{
			{Path: ".disk/info", Data: []byte("boot test\n")},
			{Path: "boot/grub/grub.cfg", Data: []byte(grubMenu)},
			{Path: "boot/grub/i386-pc/eltorito.img", Source: core},
		},
	}
}

func plainESP(t *testing.T) []File {
	efi, early := filepath.Join(t.TempDir(), "boot.efi"), filepath.Join(t.TempDir(), "early.cfg")
	cfg := "search --file --set=root /.disk/info\nset prefix=($root)/boot/grub\nconfigfile $prefix/grub.cfg\n"
	if err := os.WriteFile(early, []byte(cfg), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "grub-mkimage", "-O", "x86_64-efi", "-p", "/boot/grub", "-c", early, "-o", efi,
		"iso9660", "normal", "configfile", "search", "search_fs_file", "part_gpt", "part_msdos", "fat", "serial", "terminal", "echo", "halt")
	return []File{{Path: "EFI/BOOT/BOOTX64.EFI", Source: efi}}
}

func signedESP(t *testing.T) []File {
	shim := bootRoot() + "/usr/lib/shim/shimx64.efi.signed"
	grub := bootRoot() + "/usr/lib/grub/x86_64-efi-signed/gcdx64.efi.signed"
	need(t, shim, grub)
	return []File{{Path: "EFI/BOOT/BOOTX64.EFI", Source: shim}, {Path: "EFI/BOOT/grubx64.efi", Source: grub}}
}

func TestMachinesBootIt(t *testing.T) {
	if os.Getenv("DEBVISOR_QEMU") != "1" {
		t.Skip("needs DEBVISOR_QEMU=1")
	}
	cd := func(iso string) []string { return []string{"-drive", "media=cdrom,format=raw,readonly=on,file=" + iso} }
	usb := func(iso string) []string {
		return []string{"-device", "qemu-xhci", "-device", "usb-storage,drive=stick,bootindex=0",
			"-drive", "if=none,id=stick,format=raw,readonly=on,file=" + iso}
	}
	bios := func(*testing.T) []string { return nil }
	for _, c := range []struct {
		name, want string
		esp        func(*testing.T) []File
		firmware   func(*testing.T) []string
		medium     func(string) []string
	}{
		{"BIOS-CD", "pc", plainESP, bios, cd},
		{"BIOS-USB", "pc", plainESP, bios, usb},
		{"UEFI-CD", "efi", plainESP, uefi("OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd"), cd},
		{"UEFI-USB", "efi", plainESP, uefi("OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd"), usb},
		{"secure-CD", "efi", signedESP, uefi("OVMF_CODE_4M.ms.fd", "OVMF_VARS_4M.ms.fd"), cd},
		{"secure-USB", "efi", signedESP, uefi("OVMF_CODE_4M.ms.fd", "OVMF_VARS_4M.ms.fd"), usb},
		{"secure-unsigned-USB", refused, plainESP, uefi("OVMF_CODE_4M.ms.fd", "OVMF_VARS_4M.ms.fd"), usb},
	} {
		t.Run(c.name, func(t *testing.T) {
			firmware := c.firmware(t)
			iso, _ := write(t, grubDisc(t, c.esp(t)))
			if got := bootResult(t, append(firmware, c.medium(iso)...)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func uefi(code, vars string) func(*testing.T) []string {
	return func(t *testing.T) []string {
		const dir = "/usr/share/OVMF/"
		need(t, dir+code, dir+vars)
		data, err := os.ReadFile(dir + vars)
		if err != nil {
			t.Fatal(err)
		}
		own := filepath.Join(t.TempDir(), "vars.fd")
		if err := os.WriteFile(own, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return []string{
			"-machine", "q35,smm=on", "-global", "driver=cfi.pflash01,property=secure,value=on",
			"-drive", "if=pflash,unit=0,format=raw,readonly=on,file=" + dir + code,
			"-drive", "if=pflash,unit=1,format=raw,file=" + own,
		}
	}
}

// bootResult runs a machine until it says what it booted, or that it would not.
func bootResult(t *testing.T, args []string) (result string) {
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	var said strings.Builder
	args = append([]string{"qemu-system-x86_64", "-accel", "tcg", "-m", "1024", "-nic", "none", "-display", "none",
		"-no-reboot", "-serial", "stdio"}, args...)
	_, err := host.System{}.Run(ctx, host.Cmd{Args: args, Line: func(line string) {
		said.WriteString(line + "\n")
		if _, platform, booted := strings.Cut(line, marker); booted {
			result = strings.TrimSpace(platform)
		} else if strings.Contains(line, refused) {
			result = refused
		}
		if result != "" {
			cancel()
		}
	}})
	if errors.Is(err, host.ErrMissing) {
		t.Skipf("needs %s", args[0])
	}
	if result == "" {
		t.Logf("the machine ended with %v and said:\n%s", err, said.String())
	}
	return result
}
