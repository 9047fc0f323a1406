package main

import (
	"errors"
	"fmt"

	"debvisor/internal/exit"
	"debvisor/internal/host"
	"debvisor/internal/nft"

	"github.com/spf13/cobra"
)

func firewallVerb() *cobra.Command {
	return group(&cobra.Command{
		Use:     "firewall",
		Short:   "check, load and confirm the firewall of this node",
		Example: "  sudo debvisor firewall check   # after editing " + nft.LocalPath + "\n  sudo debvisor firewall load",
	}, firewallCheck(), firewallLoad(), firewallStatus(), firewallConfirm(), firewallRollback())
}

func firewallCheck() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "say whether the kernel would take the firewall's files",
		Long: `Lets nft check ` + nft.MainPath + ` with every file that it includes, against the rules in force. Nothing is loaded.
Exit code 0 when the files are right, 4 when they are not.`,
		Example: "  sudo debvisor firewall check\n  sudo debvisor firewall check --json",
		Args:    usage(cobra.NoArgs),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.RunE = func(c *cobra.Command, _ []string) error {
		_, wrong := host.New().Run(c.Context(), "nft", "-c", "-f", nft.MainPath)
		if !asJSON {
			return exit.With(exit.Refused, wrong)
		}
		said := map[string]any{"file": nft.MainPath, "ok": wrong == nil}
		if wrong != nil {
			said["error"], wrong = wrong.Error(), errSaid
		}
		return errors.Join(printJSON(c.OutOrStdout(), said), exit.With(exit.Refused, wrong))
	}
	return cmd
}

func firewallLoad() *cobra.Command {
	return &cobra.Command{
		Use:   "load",
		Short: "load the firewall's files in one transaction",
		Long: `Checks ` + nft.MainPath + ` with every file that it includes and loads it in one transaction. When a file has a
mistake, the rules in force stay; at boot, where there are none, the base without the operator's files is loaded: closed,
and SSH is still let in. In both cases the exit code is 1. Rules on trial end with it. nftables.service calls this.`,
		Example: "  sudo debvisor firewall load\n  sudo systemctl reload nftables   # the same",
		Args:    usage(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := nft.Load(c.Context(), host.New()); err != nil {
				return err
			}
			_, err := fmt.Fprintln(c.OutOrStdout(), "the firewall is loaded")
			return err
		},
	}
}
