package main

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"debvisor/internal/exit"
	"debvisor/internal/guests"
	"debvisor/internal/guests/installed"
	"debvisor/internal/host"

	"github.com/spf13/cobra"
)

func vmVerb() *cobra.Command {
	return group(&cobra.Command{
		Use:     "vm",
		Short:   "the names of this host's guests",
		Example: "  sudo debvisor vm list\n  sudo debvisor vm register web 192.0.2.20",
	}, vmList(), vmReconcile(), vmRegister())
}

func vmRegister() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "register NAME [ADDRESS...]",
		Short: "register a guest that runs here, now",
		Long: `Gives a guest that runs on this host its name, with these addresses; without any, with those that the host sees. Addresses that
are given stay until the guest stops, beside what is seen. Guests are registered without this: it is for an address that no
lease, agent or neighbour table knows. Exit code 2 for what is no address, 4 for a guest that gets no name; 1 when the name
servers did not take it yet, which is tried again.`,
		Example: "  sudo debvisor vm register web\n  sudo debvisor-vm-register.sh web 192.0.2.20 2001:db8::20",
		Args:    usage(cobra.MinimumNArgs(1)),
	}
	return withJSON(cmd, func(c *cobra.Command, args []string, asJSON bool) error {
		addrs, err := addresses(args[1:])
		if err != nil {
			return exit.With(exit.Usage, err)
		}
		r, err := reconciler(c.ErrOrStderr(), host.New())
		if err != nil {
			return err
		}
		changes, err := r.Register(c.Context(), args[0], addrs)
		if err != nil {
			return exit.With(refusedGuest(err), err)
		}
		said := texts(changes)
		return say(c, asJSON, map[string]any{"changes": said}, strings.Join(said, "\n"))
	})
}

func refusedGuest(err error) int {
	if errors.Is(err, guests.ErrRefused) {
		return exit.Refused
	}
	return exit.Code(err)
}

func addresses(args []string) (all []netip.Addr, err error) {
	for _, text := range args {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return nil, fmt.Errorf("%q is no address", text)
		}
		if !guests.Usable(a) {
			return nil, fmt.Errorf("%s is no address that others can reach a guest at", a)
		}
		all = append(all, a)
	}
	return all, nil
}

func texts(changes []guests.Change) []string {
	all := []string{}
	for _, c := range changes {
		all = append(all, c.String())
	}
	return all
}

func vmReconcile() *cobra.Command {
	var watch time.Duration
	var withdraw bool
	cmd := &cobra.Command{
		Use:   "reconcile",
		Short: "bring the names of guests to what runs",
		Long: `Compares which guests run, and their addresses, with what this host has registered, and makes the difference: A, AAAA and PTR
records, signed with the key of guests. What cannot be done now is kept and tried by the next run. ` + installed.PathUnit + ` calls
this when libvirt starts or stops a guest, ` + installed.TimerUnit + ` each minute. Each change is recorded in
` + guests.AuditPath + `. Exit code 1 when something is left to do, but with --watch, which only says so.`,
		Example: "  sudo debvisor vm reconcile\n  sudo debvisor vm reconcile --withdraw   # before a host leaves",
		Args:    usage(cobra.NoArgs),
	}
	cmd.Flags().DurationVar(&watch, "watch", 0, "go on, for this long at most, while guests come, go or have no address yet")
	cmd.Flags().BoolVar(&withdraw, "withdraw", false, "remove everything that this host has registered")
	cmd.MarkFlagsMutuallyExclusive("watch", "withdraw")
	return withJSON(cmd, func(c *cobra.Command, _ []string, asJSON bool) error {
		r, err := reconciler(c.ErrOrStderr(), host.New())
		if err != nil {
			return err
		}
		if withdraw {
			return r.Withdraw(c.Context())
		}
		o := r.Watch(c.Context(), watch)
		if err := unfinished(o, watch > 0, c.ErrOrStderr()); err != nil {
			return err
		}
		return say(c, asJSON, map[string]any{"pending": o.Pending, "without_address": o.Waiting}, "")
	})
}

// unfinished is how a look ended. Name servers that are silent are no failure of a watch, which is run again in any case.
func unfinished(o guests.Outcome, watched bool, log io.Writer) error {
	if o.Err != nil || o.Pending == 0 {
		return o.Err
	}
	err := fmt.Errorf("%d changes are left, and tried again; debvisor vm list says why", o.Pending)
	if watched {
		_, err = fmt.Fprintln(log, err)
	}
	return err
}

func vmList() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "show what is registered, what is not yet, and why",
		Long: `Shows each name that this host has registered for a guest, or is about to, with its addresses. One that the name servers have
not taken yet is marked, with the reason. It asks neither libvirt nor a name server.`,
		Example: "  sudo debvisor vm list\n  sudo debvisor vm list --json",
		Args:    usage(cobra.NoArgs),
	}
	h := machine(cmd)
	return withJSON(cmd, func(c *cobra.Command, _ []string, asJSON bool) error {
		r, err := guests.LoadRegistry(h)
		if err != nil {
			return err
		}
		if asJSON {
			return printJSON(c.OutOrStdout(), listed(r))
		}
		for _, e := range r.Entries {
			if _, err := fmt.Fprintln(c.OutOrStdout(), entryWords(e)); err != nil {
				return err
			}
		}
		return nil
	})
}

func entryWords(e guests.Entry) string {
	var words []string
	for _, a := range e.Addresses {
		word := a.Addr.String()
		if a.Confirmed.IsZero() {
			word += " (not yet)"
		}
		words = append(words, word)
	}
	line := e.Name + "  " + strings.Join(words, " ")
	if e.Error != "" {
		line += "\n    since " + e.Since.UTC().Format(time.RFC3339) + ": " + e.Error
	}
	return line
}

// listed is a registry with a list in any case.
func listed(r guests.Registry) guests.Registry {
	if r.Entries == nil {
		r.Entries = []guests.Entry{}
	}
	return r
}
