package main

import (
	"fmt"
	"io"
	"net/netip"
	"strings"
	"text/tabwriter"
	"time"

	"debvisor/internal/blocklist"
	"debvisor/internal/blocklist/addrset"
	"debvisor/internal/blocklist/kernel"
	"debvisor/internal/exit"
	"debvisor/internal/host"

	"github.com/spf13/cobra"
)

func blocklistShow() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show [ADDRESS...]",
		Short: "show what the kernel blocks, with counters, or why an address is blocked",
		Long: `Without an address: how many elements the kernel's sets have and how many packets were dropped. With addresses: whether each
is blocked, and which line of which list does it.`,
		Example: "  sudo debvisor blocklist show\n  sudo debvisor blocklist show 203.0.113.7 2001:db8::1 --json",
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.RunE = func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return showAddresses(c, args, asJSON)
		}
		return showTable(c, asJSON)
	}
	return cmd
}

func showTable(c *cobra.Command, asJSON bool) error {
	table, err := kernel.Open()
	if err != nil {
		return err
	}
	defer table.Close()
	s, err := table.Status(c.Context())
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(c.OutOrStdout(), s)
	}
	if !s.Present {
		_, err := fmt.Fprintln(c.OutOrStdout(), "the kernel has no blocklist; the blocklist role loads one")
		return err
	}
	w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
	for _, set := range s.Sets {
		fmt.Fprintf(w, "%s\t%d elements\n", set.Name, set.Elements)
	}
	for _, n := range s.Counters {
		fmt.Fprintf(w, "%s\t%d packets\t%d bytes dropped\n", n.Name, n.Packets, n.Bytes)
	}
	return w.Flush()
}

// verdict is what is known of one address.
type verdict struct {
	Address     netip.Addr       `json:"address"`
	Blocked     bool             `json:"blocked"`
	Quarantine  string           `json:"quarantine,omitempty"` // the reason
	BlockedBy   []blocklist.Line `json:"blocked_by"`
	Whitelisted []blocklist.Line `json:"whitelisted_by"`
}

func showAddresses(c *cobra.Command, args []string, asJSON bool) error {
	h := host.New()
	var all []verdict
	for _, arg := range args {
		a, err := netip.ParseAddr(arg)
		if err != nil {
			return exit.With(exit.Usage, fmt.Errorf("%q is not an address", arg))
		}
		v, err := verdictOn(h, a.Unmap())
		if err != nil {
			return err
		}
		all = append(all, v)
	}
	if asJSON {
		return printJSON(c.OutOrStdout(), all)
	}
	for _, v := range all {
		if err := v.say(c.OutOrStdout()); err != nil {
			return err
		}
	}
	return nil
}

// verdictOn asks the list that was loaded last, and then the sources for the reason.
func verdictOn(h *host.Host, a netip.Addr) (verdict, error) {
	v := verdict{Address: a}
	list, _, err := blocklist.Loaded(h)
	if err != nil {
		return v, err
	}
	v.Blocked = list.Contains(a)
	s, err := blocklist.ReadSettings(h)
	if err != nil {
		return v, fmt.Errorf("%w: the blocklist role has not run here", err)
	}
	only := addrset.Of(netip.PrefixFrom(a, a.BitLen()))
	if v.BlockedBy, err = blocklist.Where(h, s.Sources, nil, only); err != nil {
		return v, err
	}
	if v.Whitelisted, err = blocklist.Where(h, s.Whitelists, nil, only); err != nil {
		return v, err
	}
	q, err := blocklist.ReadQuarantine(h)
	for _, e := range q {
		if e.Address == a {
			v.Quarantine = e.Reason
		}
	}
	return v, err
}

func (v verdict) say(w io.Writer) error {
	said := []string{v.Address.String() + " is not blocked"}
	if v.Blocked {
		said[0] = v.Address.String() + " is blocked"
	}
	if v.Quarantine != "" {
		said = append(said, "in quarantine: "+v.Quarantine)
	}
	for _, l := range v.BlockedBy {
		said = append(said, "listed: "+l.String())
	}
	for _, l := range v.Whitelisted {
		said = append(said, "whitelisted: "+l.String())
	}
	_, err := fmt.Fprintln(w, strings.Join(said, "\n  "))
	return err
}

func blocklistStats() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "stats",
		Short:   "count what the lists of this node hold",
		Long:    `Reads the node's lists and counts their entries, and those of the list that was loaded last.`,
		Example: "  debvisor blocklist stats\n  debvisor blocklist stats --json",
		Args:    usage(cobra.NoArgs),
	}
	h := machine(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.RunE = func(c *cobra.Command, _ []string) error {
		s, err := blocklist.Count(h, time.Now())
		if err != nil {
			return err
		}
		if asJSON {
			return printJSON(c.OutOrStdout(), s)
		}
		w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
		for _, l := range s.Lists {
			fmt.Fprintf(w, "%s\t%s\t%d lines\t%d entries\t%d rejected\n", l.Kind, l.Path, l.Lines, l.Entries, l.Rejected)
		}
		fmt.Fprintf(w, "quarantine\t\t\t%d entries\n", s.Quarantined)
		fmt.Fprintf(w, "effective\tsha256 %.12s\t\t%d IPv4 ranges\t%d IPv6 ranges\n", s.SHA256, s.RangesIPv4, s.RangesIPv6)
		return w.Flush()
	}
	return cmd
}
