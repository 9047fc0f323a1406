package main

import (
	"context"
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
		_, err := host.New().Run(c.Context(), "nft", "-c", "-f", nft.MainPath)
		return answer(c, asJSON, map[string]any{"file": nft.MainPath}, "", exit.With(exit.Refused, err))
	}
	return cmd
}

func firewallLoad() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "load",
		Short: "load the firewall's files in one transaction",
		Long: `Checks ` + nft.MainPath + ` with every file that it includes and loads it in one transaction, for good. When a file has a
mistake, the rules in force stay; at boot, where there are none, the base without the operator's files is loaded: closed,
and SSH is still let in. In both cases the exit code is 1. Rules on trial end with it. nftables.service calls this.`,
		Example: "  sudo debvisor firewall load\n  sudo systemctl reload nftables   # the same",
		Args:    usage(cobra.NoArgs),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.RunE = func(c *cobra.Command, _ []string) error {
		err := alone(c.Context(), nft.Load)
		return answer(c, asJSON, map[string]any{"loaded": err == nil}, "the firewall is loaded", err)
	}
	return cmd
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

// answer is what a verb has to say, in words or as JSON; with JSON an error is in it, and the exit code is the same.
func answer(c *cobra.Command, asJSON bool, said map[string]any, words string, err error) error {
	if asJSON {
		said["ok"] = err == nil
		if err != nil {
			said["error"], err = err.Error(), exit.With(exit.Code(err), errSaid)
		}
		return errors.Join(printJSON(c.OutOrStdout(), said), err)
	}
	if err == nil && words != "" {
		_, err = fmt.Fprintln(c.OutOrStdout(), words)
	}
	return err
}
