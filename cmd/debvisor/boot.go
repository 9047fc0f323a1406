package main

import (
	"debvisor/internal/bootfiles"
	"debvisor/internal/host"

	"github.com/spf13/cobra"
)

func bootVerb() *cobra.Command {
	return group(&cobra.Command{
		Use:     "boot",
		Short:   "the boot loaders of this node",
		Example: "  sudo debvisor boot refresh --plan\n  sudo debvisor boot refresh",
	}, bootRefresh())
}

func bootRefresh() *cobra.Command {
	var plan bool
	cmd := &cobra.Command{
		Use:   "refresh",
		Short: "bring updates of GRUB and shim to where firmware finds them",
		Long: `Compares the boot loaders on the EFI system partition with those of the installed packages and copies what differs,
and installs GRUB for BIOS on the system disk again when its package has changed; then prints what it did. apt calls this
after every change of packages.`,
		Example: "  sudo debvisor boot refresh --plan   # only what would change\n  sudo debvisor boot refresh",
		Args:    usage(cobra.NoArgs),
	}
	cmd.Flags().BoolVar(&plan, "plan", false, "print what would change and change nothing")
	cmd.RunE = func(c *cobra.Command, _ []string) error {
		h := host.New()
		changes, err := bootfiles.Plan(h)
		if err != nil {
			return err
		}
		if !plan {
			if err := h.Apply(c.Context(), changes); err != nil {
				return err
			}
		}
		return printChanges(c.OutOrStdout(), changes)
	}
	return cmd
}
