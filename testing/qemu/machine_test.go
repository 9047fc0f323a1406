package qemu

import (
	"strings"
	"testing"
)

func TestCommandLineOfAUEFIMachine(t *testing.T) {
	m := Machine{Dir: "/d", Firmware: UEFI, MAC: "52:54:00:00:00:01", Network: &Network{guest: "/d/guest", host: "/d/host"},
		Drives: []Drive{{Path: "/d/a.iso", Bus: CD}, {Path: "/d/a.img", Bus: Virtio, Serial: "SYS"}}}
	want := `qemu-system-x86_64 -nodefaults -no-user-config -no-reboot -display none
-machine q35 -accel tcg -smp 2 -m 2048 -chardev stdio,id=console,signal=off -serial chardev:console
-device VGA -device virtio-rng-pci -device qemu-xhci
-drive if=pflash,unit=0,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd
-drive if=pflash,unit=1,format=raw,file=/d/vars.fd
-drive if=none,id=drive0,file=/d/a.iso,format=raw,cache=unsafe,discard=unmap,readonly=on
-device ide-cd,drive=drive0,bootindex=0,bus=ide.0
-drive if=none,id=drive1,file=/d/a.img,format=raw,cache=unsafe,discard=unmap
-device virtio-blk-pci,drive=drive1,bootindex=1,serial=SYS
-netdev dgram,id=net,local.type=unix,local.path=/d/guest,remote.type=unix,remote.path=/d/host
-device virtio-net-pci,netdev=net,romfile=,mac=52:54:00:00:00:01`
	if got := strings.Join(m.args("tcg"), " "); got != strings.ReplaceAll(want, "\n", " ") {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestFirmwareIsChosen(t *testing.T) {
	for firmware, want := range map[Firmware]string{
		BIOS: "",
		SecureBoot: "-drive if=pflash,unit=0,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.secboot.fd " +
			"-drive if=pflash,unit=1,format=raw,file=vars.fd -global driver=cfi.pflash01,property=secure,value=on",
	} {
		if got := strings.Join(Machine{Firmware: firmware}.firmwareArgs(), " "); got != want {
			t.Errorf("%s: got %q, want %q", firmware, got, want)
		}
	}
}
