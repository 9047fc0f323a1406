package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"debvisor/config"
	"debvisor/internal/blocklist"
	"debvisor/internal/blocklist/kernel"
	"debvisor/internal/exit"
	"debvisor/internal/host"

	"github.com/spf13/cobra"
)

func blocklistApply() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "read the lists again and bring them into force",
		Long: `Reads the lists that ` + blocklist.SettingsPath + ` names and brings what is left of them into the kernel; the blocklist role
wrote that file. debvisor-blocklist.timer calls this. A list with a mistake, or one that would lock somebody out, is refused,
and what is in force stays: exit code 2 or 4. With --plan nothing is changed.`,
		Example: "  sudo debvisor blocklist apply --plan\n  sudo debvisor blocklist apply",
		Args:    usage(cobra.NoArgs),
	}
	plan := cmd.Flags().Bool("plan", false, "say what would change, and change nothing")
	return withJSON(cmd, func(c *cobra.Command, _ []string, asJSON bool) error {
		return change(c, *plan, asJSON, func(h *host.Host, d *blocklist.Desired) (err error) {
			d.Settings, err = blocklist.ReadSettings(h)
			if errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("%w: the blocklist role has not run here", err)
			}
			return err
		})
	})
}

func blocklistExpire() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "expire",
		Short:   "end quarantines that are over",
		Long:    `Lets addresses in again whose quarantine is over. debvisor-quarantine.timer calls this. The lists are not read.`,
		Example: "  sudo debvisor blocklist expire",
		Args:    usage(cobra.NoArgs),
	}
	return withJSON(cmd, func(c *cobra.Command, _ []string, asJSON bool) error {
		return change(c, false, asJSON, keepLists(nil))
	})
}

func blocklistQuarantine() *cobra.Command {
	var reason, expires string
	var force bool
	cmd := &cobra.Command{
		Use:   "quarantine ADDRESS --reason TEXT",
		Short: "cut one address off at once, on this node",
		Long: `Blocks an address whatever the lists say, and records who did it, why and for how long. quarantine.yml does the same on every
node. An address that this node protects is refused, exit code 4, unless it is forced.`,
		Example: "  sudo debvisor blocklist quarantine 203.0.113.7 --reason 'scans the mesh' --expires 24h",
		Args:    usage(cobra.ExactArgs(1)),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for whoever reads the record")
	cmd.Flags().StringVar(&expires, "expires", "", "how long (90m, 24h, 7d) or until when (2026-12-01T12:00:00Z); without it, until it is released")
	cmd.Flags().BoolVar(&force, "force", false, "also an address that this node protects")
	return withJSON(cmd, func(c *cobra.Command, args []string, asJSON bool) error {
		return change(c, false, asJSON, keepLists(func(d *blocklist.Desired) error {
			e, err := blocklist.NewEntry(args[0], reason, expires, d.By, d.Now)
			e.Force = force
			d.Quarantine = d.Quarantine.Add(e)
			return exit.With(exit.Usage, err)
		}))
	})
}

func blocklistRelease() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "release ADDRESS",
		Short:   "let an address in again that is in quarantine",
		Long:    `Ends the quarantine of an address on this node, and records it. Lists that name the address still block it.`,
		Example: "  sudo debvisor blocklist release 203.0.113.7",
		Args:    usage(cobra.ExactArgs(1)),
	}
	return withJSON(cmd, func(c *cobra.Command, args []string, asJSON bool) error {
		return change(c, false, asJSON, keepLists(func(d *blocklist.Desired) error {
			a, err := blocklist.ParseAddress(args[0])
			d.Quarantine = d.Quarantine.Release(a)
			return exit.With(exit.Usage, err)
		}))
	})
}

// keepLists is a change of the quarantine alone.
func keepLists(and func(*blocklist.Desired) error) func(*host.Host, *blocklist.Desired) error {
	return func(_ *host.Host, d *blocklist.Desired) error {
		d.KeepLists = true
		if and == nil {
			return nil
		}
		return and(d)
	}
}

// change plans what ask asks for, applies it and plans again: nothing may be left.
func change(c *cobra.Command, planOnly, asJSON bool, ask func(*host.Host, *blocklist.Desired) error) error {
	h := host.New()
	lock, err := blocklist.Lock(c.Context(), h)
	if err != nil {
		return err
	}
	defer lock.Close()
	table, err := kernel.Open()
	if err != nil {
		return err
	}
	defer table.Close()
	d, err := desired(h, ask)
	if err != nil {
		return err
	}
	o, err := blocklist.Plan(c.Context(), h, table, d)
	warn(c, o)
	if err == nil && !planOnly {
		err = apply(c.Context(), h, table, d, o)
	}
	if err != nil {
		return exit.With(refusedIf(err), err)
	}
	return sayPlanned(c.OutOrStdout(), o, asJSON)
}

// desired is what the node blocks, as ask changes it.
func desired(h *host.Host, ask func(*host.Host, *blocklist.Desired) error) (blocklist.Desired, error) {
	d := blocklist.Desired{By: os.Getenv("SUDO_USER"), Now: time.Now()}
	if d.By == "" {
		d.By = "root"
	}
	q, err := blocklist.ReadQuarantine(h)
	if err != nil {
		return d, err
	}
	d.Quarantine = q.At(d.Now)
	if d.Managed, err = config.Managed(h); err != nil {
		return d, err
	}
	return d, ask(h, &d)
}

func apply(ctx context.Context, h *host.Host, table blocklist.Table, d blocklist.Desired, o blocklist.Outcome) error {
	if err := h.Apply(ctx, o.Changes); err != nil {
		return err
	}
	left, err := blocklist.Plan(ctx, h, table, d)
	if err == nil && len(left.Changes) > 0 {
		err = fmt.Errorf("after applying, %d changes are still needed, first: %s", len(left.Changes), left.Changes[0])
	}
	return err
}

// warn says what is odd but possible.
func warn(c *cobra.Command, o blocklist.Outcome) {
	for _, w := range o.Warnings {
		fmt.Fprintln(c.ErrOrStderr(), "debvisor: warning:", w)
	}
	for _, r := range o.Rejected {
		fmt.Fprintln(c.ErrOrStderr(), "debvisor: left out:", r)
	}
	if more := o.RejectedTotal - len(o.Rejected); more > 0 {
		fmt.Fprintf(c.ErrOrStderr(), "debvisor: left out: and %d more lines\n", more)
	}
}

func sayPlanned(w io.Writer, o blocklist.Outcome, asJSON bool) error {
	changes := []string{}
	for _, c := range o.Changes {
		changes = append(changes, c.String())
	}
	if asJSON {
		n := o.List.Sizes()
		return printJSON(w, map[string]any{"changes": changes, "rejected": o.RejectedTotal, "sha256": o.List.Digest(),
			"ranges_ipv4": n.Hosts4 + n.Nets4, "ranges_ipv6": n.Hosts6 + n.Nets6})
	}
	for _, c := range changes {
		if _, err := fmt.Fprintln(w, c); err != nil {
			return err
		}
	}
	return nil
}

func refusedIf(err error) int {
	var invalid *blocklist.Invalid
	switch {
	case errors.Is(err, blocklist.ErrLockout):
		return exit.Refused
	case errors.As(err, &invalid):
		return exit.Usage
	}
	return exit.Failed
}
