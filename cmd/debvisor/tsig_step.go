package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"strings"
	"time"

	"debvisor/internal/dns/named"
	"debvisor/internal/dns/rotation"
	"debvisor/internal/dns/update"
	"debvisor/internal/exit"
	"debvisor/internal/host"
	"debvisor/internal/tsig"

	"github.com/spf13/cobra"
)

// stepOptions are what several steps of a rotation take.
type stepOptions struct {
	check  bool
	claim  rotation.Claim
	serial uint32
	as     string
	grace  time.Duration
}

// planned is what a step comes to: changes, and what it has to tell besides.
type planned struct {
	changes []host.Change
	said    map[string]any
	words   string
}

// tsigLook makes a verb of a step that changes nothing. It takes no lock: one that waits for an answer from the network, which
// a name server under the lock may have to give, would keep all others from their work.
func tsigLook(cmd *cobra.Command, o *stepOptions, look func(c *cobra.Command, m rotation.Machine) (planned, error)) *cobra.Command {
	cmd.Args = usage(cobra.NoArgs)
	cmd.Flags().BoolVar(&o.check, "check", false, "the same: this changes nothing")
	return withJSON(cmd, func(c *cobra.Command, _ []string, asJSON bool) error {
		p, err := look(c, machineOf(host.New()))
		if errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("%w: this needs root", err)
		}
		if err != nil {
			return refused(err)
		}
		return sayStep(c, asJSON, p)
	})
}

// tsigStep makes a verb of a step. It holds the lock over the plan and the changes.
func tsigStep(cmd *cobra.Command, o *stepOptions, plan func(c *cobra.Command, m rotation.Machine) (planned, error)) *cobra.Command {
	cmd.Args = usage(cobra.NoArgs)
	cmd.Flags().BoolVar(&o.check, "check", false, "say what would change, and change nothing")
	return withJSON(cmd, func(c *cobra.Command, _ []string, asJSON bool) error {
		h := host.New()
		lock, err := tsig.Lock(c.Context(), h)
		if err != nil {
			return err
		}
		defer lock.Close()
		p, err := plan(c, machineOf(h))
		if err == nil && !o.check {
			err = h.Apply(c.Context(), p.changes)
		}
		if err != nil {
			return refused(err)
		}
		return sayStep(c, asJSON, p)
	})
}

func sayStep(c *cobra.Command, asJSON bool, p planned) error {
	if p.said == nil {
		p.said = map[string]any{}
	}
	p.said["changed"], p.said["changes"] = len(p.changes) > 0, changeLines(p.changes)
	lines := changeLines(p.changes)
	if p.words != "" {
		lines = append(lines, p.words)
	}
	if len(lines) == 0 {
		lines = []string{"nothing to change"}
	}
	return say(c, asJSON, p.said, strings.Join(lines, "\n"))
}

// refused gives what a rotation stops at the exit code of a refusal.
func refused(err error) error {
	for _, why := range []error{rotation.ErrLease, rotation.ErrGrace, rotation.ErrUnproven} {
		if errors.Is(err, why) {
			return exit.With(exit.Refused, err)
		}
	}
	return err
}

func machineOf(h *host.Host) rotation.Machine {
	return rotation.Machine{Host: h, Live: named.PlanFiles, Probe: probeUntil(time.Now().Add(patience)), Now: time.Now()}
}

// patience is for how long a step asks again whoever does not answer as it should: a lost packet, or a pair that changes its
// roles, is no reason to stop a rotation.
const patience = 5 * time.Second

// probeUntil is probe, again and again until then, except where the server does not accept the key.
func probeUntil(end time.Time) func(context.Context, netip.AddrPort, string, tsig.Key, bool) error {
	return func(ctx context.Context, server netip.AddrPort, zone string, k tsig.Key, writes bool) error {
		return tryUntil(ctx, end, func() error { return probe(ctx, server, zone, k, writes) })
	}
}

func tryUntil(ctx context.Context, end time.Time, try func() error) error {
	for {
		err := try()
		var unknown *update.KeyError
		if err == nil || errors.As(err, &unknown) || ctx.Err() != nil || time.Now().After(end) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// soa is the type of the record that a server has for each of its zones.
const soa = 6

// probe asks with queries alone where the server takes no updates with the key.
func probe(ctx context.Context, server netip.AddrPort, zone string, k tsig.Key, writes bool) error {
	if writes {
		return update.Probe(ctx, server, zone, k)
	}
	_, err := (&update.Client{Key: k}).Query(ctx, server, zone, soa)
	return err
}

// keysFrom reads keys from standard input, and never says what it read. Without keys there is nothing.
func keysFrom(r io.Reader) ([]tsig.Key, error) {
	const most = 64 << 10
	text, err := io.ReadAll(io.LimitReader(r, most))
	if err != nil {
		return nil, err
	}
	keys, err := tsig.Parse("standard input", string(text))
	return keys, exit.With(exit.Usage, err)
}

func (o *stepOptions) claimFlags(c *cobra.Command) {
	c.Flags().StringVar(&o.claim.Holder, "holder", "", "who rotates: the machine that runs the playbook")
	c.Flags().DurationVar(&o.claim.For, "lease", time.Hour, "for how long nobody else may")
}

func (o *stepOptions) serialFlag(c *cobra.Command) {
	c.Flags().Uint32Var(&o.serial, "serial", 0, "the generation, as prepare said it")
}

func (o *stepOptions) asFlag(c *cobra.Command) {
	c.Flags().StringVar(&o.as, "as", "", "what this machine is here: server or client")
}

// role is the --as that was given.
func (o *stepOptions) role() (server bool, err error) {
	if o.as != "server" && o.as != "client" {
		return false, exit.With(exit.Usage, fmt.Errorf("--as is %q; write server or client", o.as))
	}
	return o.as == "server", nil
}
