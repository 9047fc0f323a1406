package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"debvisor/internal/dns/update"
	"debvisor/internal/exit"
	"debvisor/internal/host"

	"github.com/spf13/cobra"
)

// updateFlags are what an update needs to know besides the changes; what is not given comes from the node's files.
type updateFlags struct {
	h       *host.Host
	zone    string
	servers []string
	key     string
	owner   string
	ttl     uint32
	timeout time.Duration
	noPTR   bool
	batch   bool
	plan    bool
}

func dnsUpdate() *cobra.Command {
	var f updateFlags
	cmd := &cobra.Command{
		Use:   "update add HOST ADDRESS... | remove HOST [ADDRESS...] | --batch",
		Short: "add or remove the addresses of a host, and what leads back from them",
		Long: `Changes A, AAAA and PTR records by messages that the node's key signs. A name belongs to who registered it first: beside its
addresses is a record of the owner, without which nothing is changed. Only the addresses that are given are removed; without
any, all. The reverse zone of an address is asked for and not guessed; where there is none, that is no failure. Against a pair
of servers a change is done when both have it. Each outcome is recorded in ` + auditPath + `.

With --batch, lines of "add HOST ADDRESS..." and "remove HOST [ADDRESS...]" are read from standard input; if one is wrong, all
wrong ones are named and nothing is sent. With --plan nothing is changed. Doing anything twice is safe.

Exit codes: 0 all is as it should be; 1 no server answered, or one took it but it is not known to be on all (try again);
2 a wrong command line, line or file; 4 the name is somebody else's, or the server refused it; 5 the server does not accept
the key, or the clocks differ.`,
		Example: `  sudo debvisor dns update add web 192.0.2.20 2001:db8::20
  sudo debvisor dns update remove web 192.0.2.20 --plan
  sudo debvisor dns update --batch --json < hosts.txt`,
		Args: usage(cobra.ArbitraryArgs),
	}
	f.h = machine(cmd)
	f.flags(cmd)
	return withJSON(cmd, func(c *cobra.Command, args []string, asJSON bool) error {
		client, defaults, err := f.client()
		if err != nil {
			return exit.With(exit.Usage, err)
		}
		changes, err := f.changes(c, args, defaults)
		if err != nil {
			return exit.With(exit.Usage, err)
		}
		ctx, stop := context.WithTimeout(c.Context(), f.timeout)
		defer stop()
		if f.plan {
			outcomes, err := client.Plan(ctx, changes...)
			return errors.Join(err, sayUpdated(c, outcomes, asJSON))
		}
		outcomes, err := client.Apply(ctx, changes...)
		if err == nil {
			err = recordUpdates(c.Context(), f.h, outcomes)
		}
		if err != nil {
			return err
		}
		return sayUpdated(c, outcomes, asJSON)
	})
}

func (f *updateFlags) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.zone, "zone", "", "zone that a host without one is in")
	flags.StringArrayVar(&f.servers, "server", nil, "address of a server, with :port unless it is 53; give several to have them tried in order")
	flags.StringVar(&f.key, "key", "", "file of the key to sign with (default is the node's)")
	flags.StringVar(&f.owner, "owner", "", "UUID of whose the names are (default is the machine-id)")
	flags.Uint32Var(&f.ttl, "ttl", 0, "time to live of added records, in seconds")
	flags.DurationVar(&f.timeout, "timeout", update.Patience, "how long to try")
	flags.BoolVar(&f.noPTR, "no-ptr", false, "leave reverse names alone")
	flags.BoolVar(&f.batch, "batch", false, "read changes from standard input")
	flags.BoolVar(&f.plan, "plan", false, "say what would be sent, and change nothing")
}

func (f *updateFlags) changes(c *cobra.Command, args []string, d update.Defaults) ([]update.Change, error) {
	if !f.batch {
		change, err := d.Parse(args)
		if err != nil {
			err = fmt.Errorf("%w; see %s --help", err, c.CommandPath())
		}
		return []update.Change{change}, err
	}
	if len(args) > 0 {
		return nil, fmt.Errorf("with --batch, changes are read from standard input; what is %q?", args[0])
	}
	return d.ReadBatch("standard input", c.InOrStdin())
}
