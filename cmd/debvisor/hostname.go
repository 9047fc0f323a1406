package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"debvisor/internal/exit"
	"debvisor/internal/health"
	"debvisor/internal/host"
	"debvisor/internal/hostname"

	"github.com/spf13/cobra"
)

func hostnameVerb() *cobra.Command {
	return group(&cobra.Command{
		Use:     "hostname",
		Short:   "the name that this node is found by",
		Example: "  sudo debvisor hostname register --check\n  sudo debvisor hostname register",
	}, hostnameRegister())
}

// registering is the command line of `hostname register`.
type registering struct {
	check, quiet bool
}

func hostnameRegister() *cobra.Command {
	var r registering
	cmd := &cobra.Command{
		Use:   "register",
		Short: "let this node be found by its name",
		Long: `Writes this node's primary addresses and its name into a file below ` + hostname.Dir + `, which dnsmasq on
127.0.0.55 answers from at once, and removes the file of an earlier name. The name is that of /etc/hostname and /etc/hosts;
with ` + hostname.EtcdPath + ` it is the one that the cluster gives, unless that is none or does not come within 2 seconds.
hostname-register.service calls this when the node starts, and its timer every minute.
Exit code 1 without an address or a usable name, 4 when the file to write is somebody else's.`,
		Example: "  sudo debvisor hostname register --check   # only what would change\n  sudo debvisor hostname register",
		Args:    usage(cobra.NoArgs),
	}
	h := machine(cmd)
	cmd.Flags().BoolVar(&r.check, "check", false, "print what would change and change nothing")
	cmd.Flags().BoolVar(&r.quiet, "quiet", false, "say nothing when nothing changed")
	return withJSON(cmd, func(c *cobra.Command, _ []string, asJSON bool) error { return r.run(c, h, asJSON) })
}

// lockPath is inside the folder that the unit may write to.
const lockPath = "/run/debvisor-hostname/lock"

func (r registering) run(c *cobra.Command, h *host.Host, asJSON bool) error {
	ctx, cancel := context.WithTimeout(c.Context(), 20*time.Second)
	defer cancel()
	if !r.check {
		lock, err := h.WaitLock(ctx, lockPath)
		if err != nil {
			return err
		}
		defer lock.Close()
	}
	own, changes, err := planRegistration(ctx, h)
	if errors.Is(err, hostname.ErrForeign) {
		return exit.With(exit.Refused, err)
	}
	if err == nil && !r.check {
		err = h.Apply(ctx, changes)
	}
	if err != nil {
		return err
	}
	return r.say(c, own, changes, asJSON)
}

func planRegistration(ctx context.Context, h *host.Host) (hostname.Registration, []host.Change, error) {
	s, err := health.NameService(h)
	if err != nil {
		return hostname.Registration{}, nil, err
	}
	own, err := hostname.Look(ctx, h, s)
	if err != nil {
		return own, nil, err
	}
	changes, err := hostname.Plan(h, own, s)
	return own, changes, err
}

func (r registering) say(c *cobra.Command, own hostname.Registration, changes []host.Change, asJSON bool) error {
	lines := []string{}
	for _, change := range changes {
		lines = append(lines, change.String())
	}
	said := map[string]any{"fqdn": own.FQDN, "addresses": own.Addresses, "cluster": own.Cluster, "why": own.Why, "changes": lines}
	switch {
	case asJSON:
		return say(c, true, said, "")
	case r.check:
		return printChanges(c.OutOrStdout(), changes)
	case r.quiet && len(changes) == 0:
		return nil
	}
	_, err := fmt.Fprintln(c.OutOrStdout(), "registered:", own)
	return err
}
