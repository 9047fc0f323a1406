package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"debvisor/builder"
	"debvisor/internal/host"

	"github.com/spf13/cobra"
)

func bootCommand() *cobra.Command {
	var m builder.Machine
	var diskSize string
	c := &cobra.Command{
		Use:   "boot ISO",
		Short: "Boot an image in QEMU, with its serial console here",
		Long: `Boot an image in QEMU, with its serial console here. Leave it with Ctrl-A X.

"boot none --disk node.img" starts what was installed.`,
		Example: `  debvisor-builder boot build/debvisor-1.0-amd64.iso --disk node.img
  debvisor-builder boot build/debvisor-1.0-amd64.iso --uefi --disk node.img --answers node.yaml
  debvisor-builder boot none --uefi --disk node.img --ssh-port 2222`,
		Args: exactly("ISO"),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if m.ISO = args[0]; m.ISO == "none" {
				m.ISO = ""
			}
			if m.DiskSize, err = parseSize(diskSize); err != nil {
				return usageError{err}
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
			fmt.Fprintln(c.ErrOrStderr(), "Ctrl-A X ends the machine")
			return m.Boot(c.Context(), host.Streams{In: os.Stdin, Out: c.OutOrStdout(), Err: c.ErrOrStderr()})
		},
	}
	f := c.Flags()
	f.BoolVar(&m.UEFI, "uefi", false, "UEFI firmware instead of a BIOS")
	f.StringVar(&m.Disk, "disk", "", "disk image; made when it is missing")
	f.StringVar(&diskSize, "disk-size", "32G", "size of a disk that is made")
	f.StringVar(&m.Answers, "answers", "", "answers file; it is put on a second medium")
	f.IntVar(&m.Memory, "memory", 2048, "memory in MiB")
	f.IntVar(&m.CPUs, "cpus", 2, "processors")
	f.StringVar(&m.Accel, "accel", "tcg", "tcg works everywhere, kvm is fast where it works")
	f.IntVar(&m.SSHPort, "ssh-port", 0, "port on this host's loopback that leads to the machine's SSH")
	return c
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
