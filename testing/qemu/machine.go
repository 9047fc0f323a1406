// Package qemu runs the product's ISO and disks in QEMU for whole-system tests: firmware, disks with serial numbers, a
// serial console to wait on, and a network that ends in a namespace of the test. It knows nothing of what it boots, and
// nothing it starts outlives the test.
package qemu

import (
	"fmt"
	"os"
	"path/filepath"
)

// Firmware is what a machine starts with.
type Firmware string

// The firmwares. SecureBoot has Microsoft's keys enrolled and enforces signatures.
const (
	BIOS       Firmware = "bios"
	UEFI       Firmware = "uefi"
	SecureBoot Firmware = "secureboot"
)

// Bus is how a drive is attached.
type Bus string

// The buses. CD is a CD-ROM drive, USB a USB stick.
const (
	Virtio Bus = "virtio"
	SATA   Bus = "sata"
	NVMe   Bus = "nvme"
	USB    Bus = "usb"
	CD     Bus = "cd"
)

// Drive is a disk or medium; media on CD and read-only drives are never written to.
type Drive struct {
	Path     string
	Bus      Bus
	Serial   string // at most 20 characters on virtio, "" for none
	ReadOnly bool
}

// Machine is what to start. Drives are tried for booting in their order.
type Machine struct {
	Dir      string // short-lived files: firmware variables, sockets
	Log      string // file that gets everything the console prints
	Firmware Firmware
	Memory   int // MiB; 2048 when 0
	Drives   []Drive
	Network  *Network // nil for a card without a cable: the installer refuses a machine that has none
	MAC      string   // of its network card
}

// ovmf is where Debian's package ovmf keeps the firmware, and which file of variables belongs to which code.
const ovmf = "/usr/share/OVMF"

var firmwareFiles = map[Firmware][2]string{
	UEFI:       {"OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd"},
	SecureBoot: {"OVMF_CODE_4M.secboot.fd", "OVMF_VARS_4M.ms.fd"},
}

// args is the command line. KVM is used only on request: a /dev/kvm that exists may still hang.
func (m Machine) args(accel string) []string {
	memory := m.Memory
	if memory == 0 {
		memory = 2048
	}
	machine := "q35"
	if m.Firmware == SecureBoot {
		machine += ",smm=on"
	}
	args := []string{"qemu-system-x86_64", "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
		"-machine", machine, "-accel", accel, "-smp", "2", "-m", fmt.Sprint(memory),
		"-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
		"-device", "VGA", "-device", "virtio-rng-pci", "-device", "qemu-xhci"}
	args = append(args, m.firmwareArgs()...)
	for i, d := range m.Drives {
		args = append(args, d.args(i)...)
	}
	return append(args, m.networkArgs()...)
}

func (m Machine) firmwareArgs() []string {
	files, ok := firmwareFiles[m.Firmware]
	if !ok {
		return nil
	}
	args := []string{
		"-drive", "if=pflash,unit=0,format=raw,readonly=on,file=" + filepath.Join(ovmf, files[0]),
		"-drive", "if=pflash,unit=1,format=raw,file=" + m.variables()}
	if m.Firmware == SecureBoot {
		args = append(args, "-global", "driver=cfi.pflash01,property=secure,value=on")
	}
	return args
}

func (m Machine) variables() string { return filepath.Join(m.Dir, "vars.fd") }

// prepare gives a UEFI machine its own copy of the variables; one that exists from an earlier start is kept, as a real
// machine keeps its settings.
func (m Machine) prepare() error {
	files, ok := firmwareFiles[m.Firmware]
	if _, err := os.Stat(m.variables()); !ok || err == nil {
		return nil
	}
	fresh, err := os.ReadFile(filepath.Join(ovmf, files[1]))
	if err != nil {
		return fmt.Errorf("read firmware of package ovmf: %w", err)
	}
	return os.WriteFile(m.variables(), fresh, 0o600)
}

var devices = map[Bus]string{
	Virtio: "virtio-blk-pci", SATA: "ide-hd", NVMe: "nvme", USB: "usb-storage", CD: "ide-cd",
}

// args attaches the drive as number n. Writes need not reach the host's disk: a test's machine does not outlive it.
func (d Drive) args(n int) []string {
	id := fmt.Sprintf("drive%d", n)
	drive := fmt.Sprintf("if=none,id=%s,file=%s,format=raw,cache=unsafe,discard=unmap", id, d.Path)
	if d.ReadOnly || d.Bus == CD {
		drive += ",readonly=on"
	}
	device := fmt.Sprintf("%s,drive=%s,bootindex=%d", devices[d.Bus], id, n)
	if d.Serial != "" {
		device += ",serial=" + d.Serial
	}
	if d.Bus == SATA || d.Bus == CD {
		device += fmt.Sprintf(",bus=ide.%d", n)
	}
	if d.Bus == USB {
		device += ",removable=on"
	}
	return []string{"-drive", drive, "-device", device}
}

func (m Machine) networkArgs() []string {
	if m.Network == nil {
		return []string{"-netdev", "hubport,id=net,hubid=0", "-device", "virtio-net-pci,netdev=net,romfile="}
	}
	return []string{
		"-netdev", fmt.Sprintf("dgram,id=net,local.type=unix,local.path=%s,remote.type=unix,remote.path=%s",
			m.Network.guest, m.Network.host),
		"-device", "virtio-net-pci,netdev=net,romfile=,mac=" + m.MAC}
}
