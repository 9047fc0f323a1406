package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"debvisor/builder"
	"debvisor/internal/host"

	"github.com/spf13/cobra"
)

func bootCommand() *cobra.Command {
	var m builder.Machine
	var diskSize, dataSize string
	c := &cobra.Command{
		Use:   "boot ISO",
		Short: "Boot an image in QEMU, with its serial console here",
		Long: `Boot an image in QEMU, with its serial console here. Leave it with Ctrl-A X.

The disks have fixed serials: DEBVISOR-SYSTEM, DEBVISOR-DATA-1, DEBVISOR-DATA-2 and so on. With --disk alone two data disks are
made beside it. The system disk is started before the medium: after the installation the machine goes on into the node, and
"boot none --disk node.img" starts it again. To install anew, remove the disks.`,
		Example: `  debvisor-builder boot build/debvisor-1.0-amd64.iso --disk node.img --ssh-port 2222
  debvisor-builder boot build/debvisor-1.0-amd64.iso --uefi --disk node.img --answers node.yaml
  debvisor-builder boot none --uefi --disk node.img --ssh-port 2222`,
		Args: exactly("ISO"),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if m.ISO = args[0]; m.ISO == "none" {
				m.ISO = ""
			}
			if err := diskSizes(&m, diskSize, dataSize); err != nil {
				return usageError{err}
			}
			if m.Disk != "" && len(m.Data) == 0 {
				m.Data = builder.Beside(m.Disk)
			}
			if err := m.Check(); err != nil {
				return err
			}
			if m.Dir, err = os.MkdirTemp("", "debvisor-boot-"); err != nil {
				return err
			}
			defer os.RemoveAll(m.Dir)
			if err := m.Prepare(); err != nil {
				return err
			}
			tellMachine(c.ErrOrStderr(), m)
			return m.Boot(c.Context(), host.Streams{In: os.Stdin, Out: c.OutOrStdout(), Err: c.ErrOrStderr()})
		},
	}
	f := c.Flags()
	f.BoolVar(&m.UEFI, "uefi", false, "UEFI firmware instead of a BIOS")
	f.StringVar(&m.Disk, "disk", "", "disk image of the system; made when it is missing")
	f.StringVar(&diskSize, "disk-size", "32G", "size of a system disk that is made")
	f.StringArrayVar(&m.Data, "data-disk", nil, "disk image for the storage profile, may be given several times; made when it is missing")
	f.StringVar(&dataSize, "data-disk-size", "8G", "size of a data disk that is made")
	f.StringVar(&m.Answers, "answers", "", "answers file; it is put on a second medium")
	f.IntVar(&m.Memory, "memory", 2048, "memory in MiB")
	f.IntVar(&m.CPUs, "cpus", 2, "processors")
	f.StringVar(&m.Accel, "accel", "tcg", "tcg works everywhere, kvm is fast where it works")
	f.IntVar(&m.SSHPort, "ssh-port", 0, "port on this host's loopback that leads to the machine's SSH")
	return c
}

func diskSizes(m *builder.Machine, system, data string) (err error) {
	if m.DiskSize, err = parseSize(system); err != nil {
		return err
	}
	m.DataSize, err = parseSize(data)
	return err
}

// tellMachine says what answers need to know of the machine, and how to start it again.
func tellMachine(w io.Writer, m builder.Machine) {
	for _, d := range m.Drives() {
		fmt.Fprintf(w, "disk with serial %-16s %s\n", d.Serial, d.File)
	}
	if m.Disk != "" {
		fmt.Fprintf(w, "to start the installed node again: %s\n", again(m))
	}
	fmt.Fprintln(w, "Ctrl-A X ends the machine")
}

func again(m builder.Machine) string {
	words := []string{invoked(), "boot", "none", "--disk", m.Disk}
	if !slices.Equal(m.Data, builder.Beside(m.Disk)) {
		for _, name := range m.Data {
			words = append(words, "--data-disk", name)
		}
	}
	if m.UEFI {
		words = append(words, "--uefi")
	}
	return host.Cmd{Args: append(words, "--ssh-port", strconv.Itoa(cmp.Or(m.SSHPort, 2222)))}.String()
}

// parseSize reads bytes, or a number with M, G or T for powers of 1024.
func parseSize(s string) (int64, error) {
	shift := map[string]int{"M": 20, "G": 30, "T": 40}
	number, unit := s, 0
	for suffix, n := range shift {
		if cut, ok := strings.CutSuffix(s, suffix); ok {
			number, unit = cut, n
		}
	}
	n, err := strconv.ParseInt(number, 10, 32)
	if unit == 0 {
		n, err = strconv.ParseInt(number, 10, 64)
	}
	if err != nil || n <= 0 || n > (1<<62)>>unit {
		return 0, fmt.Errorf("size %q: want a number with M, G or T, such as 32G", s)
	}
	return n << unit, nil
}
