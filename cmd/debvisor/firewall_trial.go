package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"debvisor/internal/exit"
	"debvisor/internal/host"
	"debvisor/internal/nft"

	"github.com/spf13/cobra"
)

func firewallStatus() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "say which rules are in force, and whether they wait to be confirmed",
		Long: `Says whether the rules in force are those of the files, rules on trial with the time that is left to confirm them,
those of the last load because the files were edited since, a fallback, others or none. It changes nothing.`,
		Example: "  sudo debvisor firewall status\n  sudo debvisor firewall status --json",
		Args:    usage(cobra.NoArgs),
	}
	return withJSON(cmd, func(c *cobra.Command, _ []string, asJSON bool) error {
		s, err := nft.ReadStatus(c.Context(), host.New(), time.Now())
		if err != nil {
			return err
		}
		if asJSON {
			return printJSON(c.OutOrStdout(), s)
		}
		_, err = fmt.Fprintln(c.OutOrStdout(), inWords(s))
		return err
	})
}

func inWords(s nft.Status) string {
	switch {
	case s.Pending && !s.Armed:
		return "rules on trial are in force, and no timer ends them: debvisor firewall confirm, or rollback"
	case s.Pending:
		return fmt.Sprintf("rules on trial are in force; without debvisor firewall confirm the old ones are back in %d seconds", s.SecondsLeft)
	}
	return map[string]string{
		nft.InForceFiles:     "the rules of the files are in force",
		nft.InForceConfirmed: "the rules that were loaded last are in force; the files were edited since, and the next load or boot takes those",
		nft.InForceFallback:  "a fallback is in force: the files have a mistake; see debvisor firewall check",
		nft.InForceOther:     "the rules in force are not those of the files; load them with debvisor firewall load",
		nft.InForceNothing:   "no rules of DebVisor are in force",
	}[s.InForce]
}

func firewallConfirm() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "confirm",
		Short: "keep the rules that are on trial",
		Long: `Writes the rules on trial into the files and stops the timer that would take them back. Over SSH it must be a connection
that was made under these rules: an older one would outlive a mistake in them. Exit code 4 when there is nothing to confirm
or the connection is older.`,
		Example: "  ssh hv01 sudo debvisor firewall confirm\n  sudo debvisor firewall confirm --json",
		Args:    usage(cobra.NoArgs),
	}
	return withJSON(cmd, func(c *cobra.Command, _ []string, asJSON bool) error {
		if err := alone(c.Context(), confirm); err != nil {
			return err
		}
		return say(c, asJSON, map[string]any{"confirmed": true}, "the rules are confirmed")
	})
}

func confirm(ctx context.Context, h *host.Host) error {
	changes, err := nft.PlanConfirm(ctx, h)
	if err == nil {
		err = h.Apply(ctx, changes)
	}
	if errors.Is(err, nft.ErrNoTrial) || errors.Is(err, nft.ErrOldSession) {
		return exit.With(exit.Refused, err)
	}
	return err
}

func firewallRollback() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rollback",
		Short: "take the rules back that are on trial",
		Long: `Loads what was loaded last for good, whatever became of the files since, and ends the trial. The timer of a trial calls
this. When the kernel does not take that, less is loaded: closed, and SSH is still let in; then the exit code is 4.`,
		Example: "  sudo debvisor firewall rollback\n  sudo debvisor firewall rollback --json",
		Args:    usage(cobra.NoArgs),
	}
	return withJSON(cmd, func(c *cobra.Command, _ []string, asJSON bool) error {
		words, changed := "there was nothing to take back", false
		err := alone(c.Context(), func(ctx context.Context, h *host.Host) (err error) {
			changed, err = nft.Rollback(ctx, h)
			return err
		})
		if changed {
			words = "the rules from before the trial are in force again"
		}
		switch {
		case errors.Is(err, nft.ErrFallback):
			return exit.With(exit.Refused, err)
		case err != nil:
			return err
		}
		return say(c, asJSON, map[string]any{"rolled_back": changed}, words)
	})
}
