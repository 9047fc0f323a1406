package main

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"debvisor/internal/blocklist/addrset"
)

// The nodes that get the same packets: one without a blocklist, one with the list in one interval set, one with ours.
var nodes = []string{"none", "interval", "ours"}

// measurePackets measures what a list adds to the cost of a packet.
//
// A thread that stays on one processor writes frames to a cable, whose other end is a node in another network namespace.
// The kernel handles a frame at the other end before the write returns, on the same processor and at the thread's expense,
// up to the input hook, where the last chain of every node drops it. So the CPU time of the thread, over many packets, is
// the cost of a packet, whatever else runs on the machine; what the list adds is that less the cost on a node without one.
// Sources are drawn from a million, so that no cache holds what is asked for. Rounds of all nodes alternate and the median
// counts. Kernels that count soft interrupts apart (CONFIG_IRQ_TIME_ACCOUNTING) would show too little; that is an error.
func measurePackets(ctx context.Context, b bench, f []Figure) error {
	for _, name := range nodes {
		if err := b.freshWire(ctx, name); err != nil {
			return err
		}
	}
	if _, err := run(ctx, nil, within("interval", "nft", "-f", b.path(large, ".nft"))...); err != nil {
		return err
	}
	if err := b.load(ctx, "ours", large); err != nil {
		return err
	}
	args, err := self("packets", b.path(large, ".list"))
	if err != nil {
		return err
	}
	var costs packetCost
	if err := runJSON(ctx, &costs, args...); err != nil {
		return err
	}
	for i, kind := range []map[string][]float64{costs.Free, costs.Listed} {
		none := median(kind["none"])
		if median(kind["interval"]) <= none {
			return errors.New("this kernel does not count the handling of a packet as time of the thread that sends it")
		}
		f[i].set(less(kind["ours"], none), less(kind["interval"], none))
	}
	return nil
}

func less(values []float64, base float64) []float64 {
	var all []float64
	for _, v := range values {
		all = append(all, v-base)
	}
	return all
}

// packetCost is nanoseconds of each round, by node.
type packetCost struct{ Free, Listed map[string][]float64 }

const packetRounds, packetsPerRound = 40, 1 << 14

func packetCosts(list string) error {
	set, err := readSet(list)
	if err != nil {
		return err
	}
	free, listed := freeSources(set), listedSources(set)
	if err := pinned(); err != nil {
		return err
	}
	cost := packetCost{map[string][]float64{}, map[string][]float64{}}
	for round := range packetRounds {
		for _, name := range nodes {
			for _, kind := range []struct {
				into    map[string][]float64
				sources []uint32
			}{{cost.Free, free}, {cost.Listed, listed}} {
				from := round * packetsPerRound % (len(kind.sources) - packetsPerRound)
				ns, err := costOf(name, kind.sources[from:from+packetsPerRound])
				if err != nil {
					return err
				}
				kind.into[name] = append(kind.into[name], ns)
			}
		}
	}
	return json.NewEncoder(os.Stdout).Encode(cost)
}

func costOf(name string, sources []uint32) (float64, error) {
	w, err := openWire(name)
	if err != nil {
		return 0, err
	}
	defer unix.Close(w.fd)
	before, err := threadTime()
	if err != nil {
		return 0, err
	}
	if err := w.send(sources); err != nil {
		return 0, err
	}
	after, err := threadTime()
	return float64(after-before) / float64(len(sources)), err
}

func threadTime() (time.Duration, error) {
	var t unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t)
	return time.Duration(t.Nano()), err
}

const someSources = 1 << 20

// freeSources are addresses that a packet may come from, none of them listed.
func freeSources(set addrset.Set) []uint32 {
	r := rand.New(rand.NewPCG(1, 1))
	var all []uint32
	for len(all) < someSources {
		if a := 1<<24 + r.Uint32N(223<<24); a>>24 != 127 && a>>8 != 10<<16|91<<8 && !set.Contains(address(a)) {
			all = append(all, a)
		}
	}
	return all
}

// listedSources are as many of the list, one of each range at a time.
func listedSources(set addrset.Set) []uint32 {
	r := rand.New(rand.NewPCG(2, 2))
	var all []uint32
	for len(all) < someSources {
		one := set.V4[r.IntN(len(set.V4))]
		if a := one.First + uint32(r.Uint64N(uint64(one.Last-one.First)+1)); a>>8 != 10<<16|91<<8 {
			all = append(all, a)
		}
	}
	return all
}
