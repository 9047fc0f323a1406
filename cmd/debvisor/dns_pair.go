package main

import (
	"errors"
	"fmt"
	"slices"

	"debvisor/internal/dns"
	"debvisor/internal/dns/pair"
	"debvisor/internal/exit"
	"debvisor/internal/host"

	"github.com/spf13/cobra"
)

func dnsPair() *cobra.Command {
	var fault bool
	cmd := &cobra.Command{
		Use:   "pair",
		Short: "watch the pair of name servers and decide who writes (a service)",
		Long: `Runs until it is ended: asks this server's named twenty times a second and tells keepalived by ` + pair.TrackPath + `
whether it answers, and decides for each zone in ` + dns.ServerPath + ` which of the two servers writes. It is what
debvisor-dns-pair.service runs. With --fault it only tells keepalived that this server does not answer, and ends.`,
		Example: "  sudo systemctl status debvisor-dns-pair\n  sudo debvisor dns status",
		Args:    usage(cobra.NoArgs),
	}
	cmd.Flags().BoolVar(&fault, "fault", false, "tell keepalived that this server does not answer, and end")
	return withJSON(cmd, func(c *cobra.Command, _ []string, asJSON bool) error {
		h := host.New()
		if fault {
			return errors.Join(pair.Fault(h), say(c, asJSON, map[string]any{"file": pair.TrackPath}, ""))
		}
		d, err := pair.New(h, c.OutOrStdout())
		if err != nil {
			return err
		}
		return d.Run(c.Context())
	})
}

func dnsPrepare() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "prepare",
		Short: "make this name server one that writes to no zone (before named starts)",
		Long: `Writes named's zones so that this server of a pair is secondary of each, and keeps aside what it wrote itself. A named that
starts must not write before it is known what happened meanwhile; named.service calls this. Where there are no settings of a
name server, it does nothing.`,
		Example: "  systemctl cat named",
		Args:    usage(cobra.NoArgs),
	}
	return withJSON(cmd, func(c *cobra.Command, _ []string, asJSON bool) error {
		warnings, err := pair.Prepare(c.Context(), host.New())
		for _, w := range slices.DeleteFunc(warnings, func(w error) bool { return w == nil }) {
			fmt.Fprintln(c.ErrOrStderr(), "debvisor: warning:", w)
		}
		if err != nil {
			return err
		}
		return say(c, asJSON, map[string]any{}, "")
	})
}

func dnsPromote() *cobra.Command {
	var all, force bool
	cmd := &cobra.Command{
		Use:   "promote ZONE…|--all",
		Short: "let this name server write, because the other one does not come back soon",
		Long: `Makes this server the one that writes to the zones. It is for when the peer is silent and there is no arbiter, or the
arbiter is gone too. Without --force it refuses where the peer may live or have changes that this server lacks; without an
arbiter nobody can tell, so it always refuses. Before --force make sure that the peer is off, and stays off until the two see
each other: what it has alone is set aside when it returns, even what debvisor dns update called done.
Exit code 4 when it refuses.`,
		Example: "  sudo debvisor dns promote --all\n  sudo debvisor dns promote --all --force",
	}
	cmd.Flags().BoolVar(&all, "all", false, "all zones of this server")
	cmd.Flags().BoolVar(&force, "force", false, "also where the peer may live or have changes that are then set aside")
	cmd.Args = usage(func(_ *cobra.Command, args []string) error {
		if all == (len(args) > 0) {
			return errors.New("name the zones, or say --all")
		}
		return nil
	})
	return withJSON(cmd, func(c *cobra.Command, args []string, asJSON bool) error {
		return askPair(c, asJSON, pair.Request{Do: pair.Promote, Zones: args, Force: force})
	})
}

func dnsHandOver() *cobra.Command {
	var back bool
	cmd := &cobra.Command{
		Use:   "handover",
		Short: "let the other name server write and have the virtual addresses",
		Long: `For maintenance of this server: it stops writing once the peer has everything, the peer goes on at once, and keepalived moves
the virtual addresses. They may come back after --return, or when debvisor-dns-pair.service starts anew; who writes stays.
Exit code 4 when it is not handed over.`,
		Example: "  sudo debvisor dns handover\n  sudo debvisor dns handover --return",
		Args:    usage(cobra.NoArgs),
	}
	cmd.Flags().BoolVar(&back, "return", false, "let this server have the virtual addresses again")
	return withJSON(cmd, func(c *cobra.Command, _ []string, asJSON bool) error {
		if back {
			return askPair(c, asJSON, pair.Request{Do: pair.Return})
		}
		return askPair(c, asJSON, pair.Request{Do: pair.HandOver})
	})
}

func dnsStatus() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "say who writes, who has what, and where the virtual addresses are",
		Example: "  sudo debvisor dns status\n  sudo debvisor dns status --json",
		Args:    usage(cobra.NoArgs),
	}
	return withJSON(cmd, func(c *cobra.Command, _ []string, asJSON bool) error {
		reply, err := pair.Ask(c.Context(), host.New(), pair.Request{Do: pair.Status})
		if err != nil {
			return err
		}
		return say(c, asJSON, map[string]any{"state": reply.State}, reply.State.String())
	})
}

func askPair(c *cobra.Command, asJSON bool, r pair.Request) error {
	reply, err := pair.Ask(c.Context(), host.New(), r)
	var refused pair.Refused
	if errors.As(err, &refused) {
		return exit.With(exit.Refused, err)
	}
	if err != nil {
		return err
	}
	return say(c, asJSON, map[string]any{"said": reply.Said}, reply.Said)
}
