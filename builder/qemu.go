package builder

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"debvisor/internal/exit"
	"debvisor/internal/host"

	"github.com/diskfs/go-diskfs"
	"github.com/diskfs/go-diskfs/disk"
	"github.com/diskfs/go-diskfs/filesystem"
)

// Machine is an emulated machine to boot an image on.
type Machine struct {
	ISO      string // empty to boot from the disk
	UEFI     bool
	Disk     string // disk image of the system; made with DiskSize bytes when it is missing
	DiskSize int64
	Data     []string // disk images for the storage profile; made with DataSize bytes when they are missing
	DataSize int64
	Answers  string // answers file; it gets onto a medium of its own
	Memory   int    // MiB
	CPUs     int
	Accel    string // tcg or kvm
	SSHPort  int    // port of this host's loopback that leads to the machine's SSH; 0 for none
	Dir      string // for what the emulator needs beside: firmware variables, the answers' medium
}

// Firmware is where Debian's ovmf puts UEFI's code and the template of its variables.
const (
	ovmfCode = "/usr/share/OVMF/OVMF_CODE_4M.fd"
	ovmfVars = "/usr/share/OVMF/OVMF_VARS_4M.fd"
)

// AnswersLabel is the volume label by which the installer finds a medium with answers.
const AnswersLabel = "DEBVISOR"

// Check finds everything that keeps the machine from starting.
func (m Machine) Check() error {
	var problems []error
	if _, err := host.Find("qemu-system-x86_64"); err != nil {
		problems = append(problems, errors.New("qemu-system-x86_64 is not installed: apt-get install qemu-system-x86"))
	}
	if _, err := os.Stat(ovmfCode); m.UEFI && err != nil {
		problems = append(problems, fmt.Errorf("%s is not there: apt-get install ovmf", ovmfCode))
	}
	if m.Accel != "tcg" && m.Accel != "kvm" {
		problems = append(problems, fmt.Errorf("accelerator %q: tcg or kvm", m.Accel))
	}
	for _, name := range []string{m.ISO, m.Answers} {
		if _, err := os.Stat(name); name != "" && err != nil {
			problems = append(problems, err)
		}
	}
	if m.Disk == "" && (m.ISO == "" || len(m.Data) > 0) {
		problems = append(problems, errors.New("the machine has no system disk: give --disk"))
	}
	if m.Memory < 512 || m.CPUs < 1 {
		problems = append(problems, errors.New("the machine needs a processor and 512 MiB of memory"))
	}
	return exit.With(exit.Usage, errors.Join(problems...))
}

// Drive is a disk of a machine. Its serial is the same in every machine, so that answers can name it.
type Drive struct {
	File   string
	Serial string
	size   int64
}

// SystemSerial is the serial of the disk that a node is installed on; that of the first data disk is DataSerial and 1.
const (
	SystemSerial = "DEBVISOR-SYSTEM"
	DataSerial   = "DEBVISOR-DATA-"
)

// Drives are the machine's disks, the system's first.
func (m Machine) Drives() []Drive {
	if m.Disk == "" {
		return nil
	}
	drives := []Drive{{m.Disk, SystemSerial, m.DiskSize}}
	for i, name := range m.Data {
		drives = append(drives, Drive{name, DataSerial + strconv.Itoa(i+1), m.DataSize})
	}
	return drives
}

// Beside are the names of the data disks that a machine gets when none are named: node-data1.img beside node.img.
func Beside(system string) []string {
	ext := filepath.Ext(system)
	base := strings.TrimSuffix(system, ext)
	return []string{base + "-data1" + ext, base + "-data2" + ext}
}

// Prepare makes what is missing: the disks, the answers' medium, a copy of the firmware's variables.
func (m Machine) Prepare() error {
	for _, d := range m.Drives() {
		if err := makeDisk(d.File, d.size); err != nil {
			return fmt.Errorf("make disk: %w", err)
		}
	}
	if m.Answers != "" {
		if err := writeAnswersMedium(m.answersMedium(), m.Answers); err != nil {
			return fmt.Errorf("make the medium with answers: %w", err)
		}
	}
	if m.UEFI {
		return copyFile(ovmfVars, m.variables())
	}
	return nil
}

func (m Machine) answersMedium() string { return filepath.Join(m.Dir, "answers.img") }

func (m Machine) variables() string { return filepath.Join(m.Dir, "variables.fd") }

// makeDisk makes a sparse disk image; one that exists is left alone.
func makeDisk(name string, size int64) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Close())
}

// writeAnswersMedium makes a FAT file system with debvisor.yaml on it.
func writeAnswersMedium(name, answers string) error {
	text, err := os.ReadFile(answers)
	if err != nil {
		return err
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	d, err := diskfs.Create(name, 64<<20, diskfs.SectorSizeDefault)
	if err != nil {
		return err
	}
	fsys, err := d.CreateFilesystem(disk.FilesystemSpec{FSType: filesystem.TypeFat32, VolumeLabel: AnswersLabel})
	if err != nil {
		return errors.Join(err, d.Close())
	}
	f, err := fsys.OpenFile("/debvisor.yaml", os.O_CREATE|os.O_RDWR)
	if err != nil {
		return errors.Join(err, d.Close())
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close(), d.Close())
}

// Args is the emulator's command line: serial line on standard input and output, no network but the emulator's own. The
// disk comes before the medium, so that a restart goes on into what was installed; a blank disk does not boot.
func (m Machine) Args() []string {
	args := []string{"qemu-system-x86_64", "-accel", m.Accel, "-cpu", m.cpu(), "-smp", strconv.Itoa(m.CPUs), "-m", strconv.Itoa(m.Memory),
		"-nographic", "-device", "virtio-rng-pci"}
	if m.Disk == "" {
		args = append(args, "-no-reboot")
	}
	if m.UEFI {
		args = append(args, "-drive", "if=pflash,format=raw,readonly=on,file="+ovmfCode, "-drive", "if=pflash,format=raw,file="+m.variables())
	}
	for i, d := range m.Drives() {
		device := fmt.Sprintf("virtio-blk-pci,drive=disk%d,serial=%s", i, d.Serial)
		if i == 0 {
			device += ",bootindex=1"
		}
		args = append(args, "-drive", fmt.Sprintf("if=none,id=disk%d,format=raw,discard=unmap,file=%s", i, escape(d.File)), "-device", device)
	}
	if m.ISO != "" {
		args = append(args, "-drive", "if=none,id=cd,media=cdrom,format=raw,readonly=on,file="+escape(m.ISO), "-device", "ide-cd,drive=cd,bootindex=2")
	}
	if m.Answers != "" {
		args = append(args, "-drive", "if=none,id=answers,format=raw,readonly=on,file="+escape(m.answersMedium()), "-device", "virtio-blk-pci,drive=answers,serial=ANSWERS")
	}
	return append(args, "-netdev", m.network(), "-device", "virtio-net-pci,netdev=net,mac=52:54:00:de:b1:50")
}

func (m Machine) network() string {
	if m.SSHPort == 0 {
		return "user,id=net"
	}
	return fmt.Sprintf("user,id=net,hostfwd=tcp:127.0.0.1:%d-:22", m.SSHPort)
}

func (m Machine) cpu() string {
	if m.Accel == "kvm" {
		return "host"
	}
	return "max"
}

// escape doubles commas, which separate the emulator's options.
func escape(name string) string { return strings.ReplaceAll(name, ",", ",,") }

// Boot runs the machine until it is switched off; one without a disk also ends when it reboots.
func (m Machine) Boot(ctx context.Context, s host.Streams) error {
	p, err := host.Start(ctx, host.Cmd{Args: m.Args()}, s)
	if err != nil {
		return err
	}
	return p.Wait()
}
