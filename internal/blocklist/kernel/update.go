package kernel

import (
	"context"
	"fmt"

	"debvisor/internal/blocklist/addrset"
)

// Update changes a table that is known to block exactly from into one that blocks exactly to, with the promises of Load. It
// touches only elements that differ: a thousand among a million take some ten milliseconds, hosts alone one. When the table
// turns out to be something else, or a set has too little room, it is loaded as a whole.
func (c *Conn) Update(ctx context.Context, from, to addrset.Set) error {
	steps := updating(Split(from), Split(to))
	if len(steps) == 0 {
		return nil
	}
	generation := c.known
	if generation == 0 {
		s, err := c.read()
		if err != nil && !isStale(err) {
			return fmt.Errorf("change the blocklist in the kernel: %w", err)
		}
		if err != nil || len(s.faults()) > 0 {
			return c.Load(ctx, to)
		}
		generation = s.generation
	}
	c.forget()
	err := c.run(ctx, generation, steps)
	if isStale(err) {
		return c.Load(ctx, to)
	}
	if err != nil {
		return fmt.Errorf("change the blocklist in the kernel: %w", err)
	}
	return nil
}

// updating are the steps of a change. A host that was in a range is added before that range is removed, and a host that
// will be in a range is removed after that range is added: each in a transaction of its own.
func updating(from, to addrset.Set) []step {
	gone, added := from.ElementsNotIn(to), to.ElementsNotIn(from)
	before, after := hosts(added).Intersect(from), hosts(gone).Intersect(to)
	between := change{gone: gone.ElementsNotIn(after), added: added.ElementsNotIn(before), settled: !before.IsEmpty()}
	var steps []step
	for _, c := range []change{{added: before}, between, {gone: after}} {
		if !c.gone.IsEmpty() || !c.added.IsEmpty() {
			steps = append(steps, step{settled: c.settled, fill: c.fill})
		}
	}
	return steps
}

// change is elements to be removed and to be added at once.
type change struct {
	gone, added addrset.Set
	settled     bool
}

// fill removes first: an interval set takes no range that overlaps one it has.
func (c change) fill(b *batch) error {
	for _, s := range sets {
		b.remove(s, s.of(c.gone))
	}
	for _, s := range sets {
		b.add(s, s.of(c.added))
	}
	return nil
}

// hosts are the ranges of a list that are single addresses.
func hosts(list addrset.Set) addrset.Set {
	var all addrset.Set
	for a := range list.Hosts4() {
		all.V4 = append(all.V4, addrset.Range4{First: a, Last: a})
	}
	for a := range list.Hosts6() {
		all.V6 = append(all.V6, addrset.Range6{First: a, Last: a})
	}
	return all
}
