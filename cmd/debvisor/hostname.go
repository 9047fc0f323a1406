package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
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
Where there are /etc/debvisor/dns.json and the node's key, the name is also brought to those name servers; trouble with them
is said and is no failure. hostname-register.service calls this when the node starts, and its timer every minute.
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
	n := r.nameServers(ctx, h, own)
	return errors.Join(r.say(c, registered{own, changes, n}, asJSON), n.local)
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

// registered is what was found and done, or would be.
type registered struct {
	own     hostname.Registration
	changes []host.Change
	dns     atNameServers
}

// atNameServers is how it went with the name servers. Trouble with them is no failure: the timer tries again.
type atNameServers struct {
	lines   []string // what was sent, or would be
	trouble string
	same    bool  // the trouble is that of the last run
	local   error // what is wrong on this node
}

// troublePath is what was wrong with the name servers in the last run.
const troublePath = "/run/debvisor-hostname/trouble"

func (r registering) nameServers(ctx context.Context, h *host.Host, own hostname.Registration) (n atNameServers) {
	d, err := planDNS(h, own)
	switch {
	case errors.Is(err, errNoDNS):
		return n
	case err != nil:
	case r.check:
		outcomes, err := d.client.Plan(ctx, d.changes...)
		return atNameServers{lines: does(outcomes), local: err}
	default:
		n.lines, err = registerDNS(ctx, h, d)
	}
	var kind string
	if err != nil {
		n.trouble = strings.Join(strings.Fields(err.Error()), " ")
		kind = n.trouble
	}
	if t := (trouble{}); errors.As(err, &t) {
		kind = t.kind
	}
	n.same, n.local = remember(ctx, h, kind, r.check)
	return n
}

// remember keeps what is wrong for the next run, and says whether it was the same in the last.
func remember(ctx context.Context, h *host.Host, kind string, look bool) (same bool, err error) {
	changes, err := h.Need(host.File{Path: troublePath, Content: kind, Mode: 0o644})
	if err == nil && !look {
		err = h.Apply(ctx, changes)
	}
	return len(changes) == 0, err
}

func (r registering) say(c *cobra.Command, all registered, asJSON bool) error {
	if n := all.dns; n.trouble != "" && !(r.quiet && n.same) {
		fmt.Fprintln(c.ErrOrStderr(), "not at the name servers yet:", n.trouble)
	}
	if asJSON {
		return say(c, true, all.json(), "")
	}
	for _, line := range all.dns.lines {
		if _, err := fmt.Fprintln(c.OutOrStdout(), "name servers:", line); err != nil {
			return err
		}
	}
	switch {
	case r.check:
		return printChanges(c.OutOrStdout(), all.changes)
	case r.quiet && len(all.changes) == 0:
		return nil
	}
	_, err := fmt.Fprintln(c.OutOrStdout(), "registered:", all.own)
	return err
}

func (all registered) json() map[string]any {
	lines := []string{}
	for _, change := range all.changes {
		lines = append(lines, change.String())
	}
	said := map[string]any{"fqdn": all.own.FQDN, "addresses": all.own.Addresses, "cluster": all.own.Cluster, "why": all.own.Why, "changes": lines}
	if len(all.dns.lines) > 0 || all.dns.trouble != "" {
		said["dns"] = map[string]any{"changes": append([]string{}, all.dns.lines...), "trouble": all.dns.trouble}
	}
	return said
}
