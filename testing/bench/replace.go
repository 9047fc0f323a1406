package main

import (
	"context"
	"fmt"

	"debvisor/internal/blocklist/addrset"
	"debvisor/internal/host"
)

// loader brings a list into the kernel of a network namespace.
type loader func(ctx context.Context, ns, list string) error

// measureReplacements replaces a list by another one and back, under a flood of packets from sources that both list. What
// gets through is counted behind the blocklist. The peer shows that the flood finds a gap where there is one.
func measureReplacements(ctx context.Context, b bench, f []Figure) error {
	for i, r := range []struct {
		list, other       string
		times, peersTimes int
	}{{small, otherSmall, 100, 10}, {large, otherLarge, 4, 2}} {
		ours, err := b.leak(ctx, r.list+"-ours", r.list, r.other, r.times, b.load)
		if err != nil {
			return err
		}
		peer, err := b.leak(ctx, r.list+"-peer", r.list, r.other, r.peersTimes, b.loadWithNft)
		if err != nil {
			return err
		}
		// No median: one packet in a hundred replacements is one too many.
		f[i].set([]float64{ours}, []float64{peer})
		f[i].Runs, f[i].PeerRuns = r.times, r.peersTimes
	}
	return nil
}

func (b bench) load(ctx context.Context, ns, list string) error {
	args, err := self("load", b.path(list, ".list"))
	if err != nil {
		return err
	}
	_, err = run(ctx, nil, within(ns, args...)...)
	return err
}

func (b bench) loadWithNft(ctx context.Context, ns, list string) error {
	_, err := run(ctx, nil, within(ns, "nft", "-f", b.path(list, ".nft"))...)
	return err
}

// leak is how many packets get through per replacement.
func (b bench) leak(ctx context.Context, ns, list, other string, times int, load loader) (float64, error) {
	if err := b.freshWire(ctx, ns); err != nil {
		return 0, err
	}
	if err := load(ctx, ns, list); err != nil {
		return 0, err
	}
	args, err := self("flood", ns, b.path(list, ".list"), b.path(other, ".list"))
	if err != nil {
		return 0, err
	}
	p, err := host.Start(ctx, host.Cmd{Args: args}, host.Streams{})
	if err != nil {
		return 0, err
	}
	for i := range times {
		if err = load(ctx, ns, []string{other, list}[i%2]); err != nil {
			break
		}
	}
	if err := firstError(err, p.Kill()); err != nil {
		return 0, err
	}
	if n, err := sentOn(ctx, ns); err != nil || n < leastFlood {
		return 0, firstError(err, fmt.Errorf("a flood of %d packets shows nothing", n))
	}
	through, err := arrived(ctx, ns)
	return float64(through) / float64(times), err
}

const leastFlood = 10_000

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// sentOn is how many packets were sent on a wire.
func sentOn(ctx context.Context, name string) (int, error) {
	var links []struct {
		Stats struct {
			Tx struct {
				Packets int `json:"packets"`
			} `json:"tx"`
		} `json:"stats64"`
	}
	if err := runJSON(ctx, &links, "ip", "-j", "-s", "link", "show", "dev", name); err != nil {
		return 0, err
	}
	return links[0].Stats.Tx.Packets, nil
}

// flood sends packets from what both lists have, until it is ended.
func flood(ctx context.Context, wire, list, other string) error {
	var both [2]addrset.Set
	for i, name := range []string{list, other} {
		var err error
		if both[i], err = readSet(name); err != nil {
			return err
		}
	}
	sources := listedSources(both[0].Intersect(both[1]))
	if err := pinned(); err != nil {
		return err
	}
	w, err := openWire(wire)
	for err == nil && ctx.Err() == nil {
		err = w.send(sources)
	}
	return err
}
