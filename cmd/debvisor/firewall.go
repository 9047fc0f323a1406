package main

import (
	"context"

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
	cmd := &cobra.Command{
		Use:   "check",
		Short: "say whether the kernel would take the firewall's files",
		Long: `Lets nft check ` + nft.MainPath + ` with every file that it includes, against the rules in force. Nothing is loaded.
Exit code 0 when the files are right, 4 when they are not.`,
		Example: "  sudo debvisor firewall check\n  sudo debvisor firewall check --json",
		Args:    usage(cobra.NoArgs),
	}
	return withJSON(cmd, func(c *cobra.Command, _ []string, asJSON bool) error {
		if _, err := host.New().Run(c.Context(), "nft", "-c", "-f", nft.MainPath); err != nil {
			return exit.With(exit.Refused, err)
		}
		return say(c, asJSON, map[string]any{"file": nft.MainPath}, "")
	})
}

func firewallLoad() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "load",
		Short: "load the firewall's files in one transaction",
		Long: `Checks ` + nft.MainPath + ` with every file that it includes and loads it in one transaction, for good. When a file has a
mistake, the rules in force stay; at boot, where there are none, the base without the operator's files is loaded: closed,
and SSH is still let in. In both cases the exit code is 1. Rules on trial end with it. nftables.service calls this.`,
		Example: "  sudo debvisor firewall load\n  sudo systemctl reload nftables   # the same",
		Args:    usage(cobra.NoArgs),
	}
	return withJSON(cmd, func(c *cobra.Command, _ []string, asJSON bool) error {
		if err := alone(c.Context(), nft.Load); err != nil {
			return err
		}
		return say(c, asJSON, map[string]any{"loaded": true}, "the firewall is loaded")
	})
}

// alone does something to this node's firewall that no other run may be in the middle of.
func alone(ctx context.Context, do func(context.Context, *host.Host) error) error {
	h := host.New()
	lock, err := nft.Lock(ctx, h)
	if err != nil {
		return err
	}
	defer lock.Close()
	return do(ctx, h)
}
