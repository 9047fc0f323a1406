package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"debvisor/internal/dns/update"
)

const batchSize = 2000

func dnsMeasurements() []measurement {
	return []measurement{
		{dns, []Figure{
			{Name: "one address added, a process", Against: "nsupdate", Unit: "ms", Goal: ratio(0.5)},
			{Name: "one address added, a process, CPU", Against: "nsupdate", Unit: "ms CPU", Goal: ratio(0.5)},
			{Name: "an address of a batch of 2,000, a process", Against: "a process each", Unit: "ms", Goal: ratio(0.2)},
			{Name: "an address of a batch of 2,000", Against: "updates of one", Unit: "ms", Goal: ratio(0.1)},
		}, measureUpdates},
	}
}

// measureUpdates adds addresses to names that nobody has, on a named of its own, all with the same zone and key.
func measureUpdates(ctx context.Context, b bench, f []Figure) (err error) {
	if _, err := b.workspace(); err != nil {
		return err
	}
	defer os.RemoveAll(b.work())
	n, err := b.nameServer(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.process.Kill()) }()
	runs := 6 * b.runs
	ours, peer, err := compare(runs, runs, n.one(ctx), n.nsupdate(ctx))
	if err != nil {
		return err
	}
	f[0].set(scaled(ours.seconds, 1000), scaled(peer.seconds, 1000))
	f[1].set(scaled(ours.cpu, 1000), scaled(peer.cpu, 1000))
	batch, _, err := compare(b.runs, 0, n.batch(ctx), nil)
	if err != nil {
		return err
	}
	f[2].set(scaled(batch.seconds, 1000.0/batchSize), scaled(ours.seconds, 1000))
	many, single, err := compare(b.runs, b.runs, n.apply(ctx, batchSize), n.apply(ctx, 1))
	if err != nil {
		return err
	}
	f[3].set(scaled(many.seconds, 1000.0/batchSize), scaled(single.seconds, 1000.0/batchSize))
	return nil
}

func scaled(values []float64, by float64) []float64 {
	all := make([]float64, len(values))
	for i, v := range values {
		all[i] = v * by
	}
	return all
}

// one is an update by the node's command.
func (n *nameServer) one(ctx context.Context) task {
	return func() (used, error) {
		return run(ctx, nil, n.ours("add", n.fresh(), "192.0.2.1", "--no-ptr")...)
	}
}

func (n *nameServer) ours(args ...string) []string {
	return append([]string{filepath.Join(n.bin, "debvisor"), "dns", "update", "--root", n.root}, args...)
}

// nsupdate is the same update by the stock client; a file instead of standard input makes no difference.
func (n *nameServer) nsupdate(ctx context.Context) task {
	return func() (used, error) {
		name := filepath.Join(n.root, "commands")
		text := fmt.Sprintf("server %s %d\nzone %s\nprereq nxdomain %[4]s.%[3]s\nupdate add %[4]s.%[3]s 300 A 192.0.2.1\nsend\n",
			n.at.Addr(), n.at.Port(), benchZone, n.fresh())
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			return used{}, err
		}
		return run(ctx, nil, "nsupdate", "-k", n.key, name)
	}
}

// batch is many updates by the node's command.
func (n *nameServer) batch(ctx context.Context) task {
	return func() (used, error) {
		name := filepath.Join(n.root, "batch")
		var text strings.Builder
		for range batchSize {
			fmt.Fprintf(&text, "add %s 192.0.2.1\n", n.fresh())
		}
		if err := os.WriteFile(name, []byte(text.String()), 0o600); err != nil {
			return used{}, err
		}
		return n.reading(ctx, name, n.ours("--batch", "--no-ptr"))
	}
}

// apply is as many updates as in a batch, so many at a time.
func (n *nameServer) apply(ctx context.Context, at int) task {
	c := &update.Client{Servers: []netip.AddrPort{n.at}, Key: n.secret}
	return timed(func() error {
		for range batchSize / at {
			var changes []update.Change
			for range at {
				changes = append(changes, update.Change{Add: true, Name: n.fresh() + "." + benchZone, Owner: n.owner, NoPTR: true,
					Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1")}})
			}
			outcomes, err := c.Apply(ctx, changes...)
			if err != nil {
				return err
			}
			for _, o := range outcomes {
				if o.Result != update.Done {
					return fmt.Errorf("%s: %s: %w", o.Change.Name, o.Result, o.Err())
				}
			}
		}
		return nil
	})
}

// fresh is a name that nobody has.
func (n *nameServer) fresh() string {
	n.names++
	return "host-" + strconv.Itoa(n.names)
}
