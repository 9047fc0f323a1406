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
	cmd := &cobra.Command{
		Use:   "show [ADDRESS...]",
		Short: "show what the kernel blocks, with counters, or why an address is blocked",
		Long: `Without an address: how many elements the kernel's sets have and how many packets were dropped. With addresses: whether each
is blocked, and which line of which list does it.`,
		Example: "  sudo debvisor blocklist show\n  sudo debvisor blocklist show 203.0.113.7 2001:db8::1 --json",
	}
	return withJSON(cmd, func(c *cobra.Command, args []string, asJSON bool) error {
		if len(args) > 0 {
			return showAddresses(c, args, asJSON)
		}
		return showTable(c, asJSON)
	})
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
		s.Counters, s.Sets = append([]kernel.Counter{}, s.Counters...), append([]kernel.SetSize{}, s.Sets...)
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
	Address     netip.Addr `json:"address"`
	Blocked     bool       `json:"blocked"`
	Quarantine  string     `json:"quarantine,omitempty"` // the reason
	BlockedBy   []string   `json:"blocked_by"`           // FILE:LINE: TEXT
	Whitelisted []string   `json:"whitelisted_by"`
}

func showAddresses(c *cobra.Command, args []string, asJSON bool) error {
	var wanted []netip.Addr
	for _, arg := range args {
		a, err := netip.ParseAddr(arg)
		if err != nil {
			return exit.With(exit.Usage, fmt.Errorf("%q is not an address", arg))
		}
		wanted = append(wanted, a.Unmap())
	}
	all, err := verdicts(host.New(), wanted)
	if err != nil {
		return err
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

// verdicts asks the list that was loaded last, and then the lists for the reason.
func verdicts(h *host.Host, wanted []netip.Addr) ([]verdict, error) {
	list, err := blocklist.Loaded(h)
	if err != nil {
		return nil, err
	}
	q, err := blocklist.ReadQuarantine(h)
	if err != nil {
		return nil, err
	}
	block, allow, err := blocklist.Why(h, wanted)
	var all []verdict
	for _, a := range wanted {
		v := verdict{Address: a, Blocked: list.Contains(a), BlockedBy: naming(block, a), Whitelisted: naming(allow, a)}
		for _, e := range q {
			if e.Address == a {
				v.Quarantine = e.Reason
			}
		}
		all = append(all, v)
	}
	return all, err
}

// naming are the lines that have an address.
func naming(lines []addrset.Line, a netip.Addr) []string {
	found := []string{}
	for _, l := range lines {
		if l.Hit.Contains(a) {
			found = append(found, l.String())
		}
	}
	return found
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
		said = append(said, "listed: "+l)
	}
	for _, l := range v.Whitelisted {
		said = append(said, "whitelisted: "+l)
	}
	_, err := fmt.Fprintln(w, strings.Join(said, "\n  "))
	return err
}

func blocklistStats() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "stats",
		Short:   "count what the lists of this node hold",
		Long:    `Reads the node's lists and counts their entries, and those of the list that was loaded last.`,
		Example: "  debvisor blocklist stats\n  debvisor blocklist stats --json",
		Args:    usage(cobra.NoArgs),
	}
	h := machine(cmd)
	return withJSON(cmd, func(c *cobra.Command, _ []string, asJSON bool) error {
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
	})
}
