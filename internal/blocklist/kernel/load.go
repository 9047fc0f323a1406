package kernel

import (
	"context"
	"errors"
	"fmt"
	"time"

	"debvisor/internal/blocklist/addrset"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// step is one transaction of several.
type step struct {
	// settled: no packet that met the ruleset before the last step may still be on its way when this one is done.
	settled bool
	needed  func() (bool, error) // nil: always
	alone   bool                 // what it does is a change for certain, and nothing else may be in its transaction
	fill    func(*batch) error
}

// Load makes the table what it must be to block exactly want, whatever it is now, and leaves nothing else in it. What is
// blocked before and after is blocked all the time, and nothing is blocked ever that is in neither.
//
// It takes one transaction when nothing is blocked yet. Else there are up to three, since addresses may move between hash
// and interval sets. When Load ends early, by an error or a crash, more may be blocked than want, but nothing else; the
// next one puts that right.
func (c *Conn) Load(ctx context.Context, want addrset.Set) error {
	want = Split(want)
	c.forget()
	roomy := true
	err := patiently(ctx, func() error {
		s, err := c.read()
		if err != nil {
			return err
		}
		err = c.run(ctx, s.generation, c.loading(s, want, roomy))
		if errors.Is(err, unix.ENFILE) && roomy {
			roomy = false
			return errUnknown
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("load the blocklist into the kernel: %w", err)
	}
	return nil
}

// loading are the steps from a state to what is wanted.
func (c *Conn) loading(s state, want addrset.Set, roomy bool) []step {
	if s.exists && s.flags != 0 {
		s.flags = 0
		return append([]step{wake()}, c.loading(s, want, roomy)...)
	}
	switch {
	case !s.holding():
		return []step{{fill: func(b *batch) error {
			if err := s.prepare(b, want); err != nil {
				return err
			}
			fillRanges(b, want)
			return fillHosts(b, s, want)
		}}}
	case roomy && s.hasRoom(want):
		return c.hostsFirst(s, want)
	}
	return rangesFirst(s, want)
}

// hostsFirst adds the wanted hosts to those that are there, then replaces the ranges, then removes the other hosts.
func (c *Conn) hostsFirst(s state, want addrset.Set) []step {
	return []step{
		{fill: func(b *batch) error {
			if err := s.prepare(b, want); err != nil {
				return err
			}
			for _, ours := range sets {
				if !ours.ranges {
					b.add(ours, ours.of(want))
				}
			}
			return nil
		}},
		{settled: true, fill: func(b *batch) error {
			fillRanges(b, want)
			return nil
		}},
		{needed: func() (bool, error) { return c.holdsOtherHosts(want) }, fill: func(b *batch) error { return fillHosts(b, s, want) }},
	}
}

// holdsOtherHosts: the wanted hosts are in the sets; do these hold more?
func (c *Conn) holdsOtherHosts(want addrset.Set) (bool, error) {
	s, err := c.read()
	if err != nil {
		return false, err
	}
	for _, ours := range sets {
		if !ours.ranges {
			wrong, err := c.miscount(ours, s.sets[ours.name].count, want)
			if len(wrong) > 0 || err != nil {
				return true, err
			}
		}
	}
	return false, nil
}

// rangesFirst is for hosts that there is no room for beside those that are there: all that is wanted is in the interval
// sets while the hash sets are replaced. It takes some times longer.
func rangesFirst(s state, want addrset.Set) []step {
	return []step{
		{fill: func(b *batch) error {
			if err := s.prepare(b, want); err != nil {
				return err
			}
			for _, ours := range sets {
				if ours.ranges {
					b.flush(ours)
					b.add(ours, ours.whole(want))
				}
			}
			return nil
		}},
		{fill: func(b *batch) error { return fillHosts(b, s, want) }},
		{settled: true, fill: func(b *batch) error {
			fillRanges(b, want)
			return nil
		}},
	}
}

// wake makes a dormant table work. The kernel takes no other change of the table in the same transaction.
func wake() step {
	return step{alone: true, fill: func(b *batch) error {
		return b.library(func(c *nftables.Conn) error {
			c.AddTable(table)
			return nil
		})
	}}
}

// prepare repairs the structure.
func (s state) prepare(b *batch, want addrset.Set) error {
	return b.library(func(c *nftables.Conn) error {
		return s.repair(c, func(ours set) int { return count(ours.of(want)) })
	})
}

// hasRoom says whether the wanted hosts alone fit the sets that will be used.
func (s state) hasRoom(want addrset.Set) bool {
	for _, ours := range sets {
		if s.mustGrow(ours, want) {
			return false
		}
	}
	return true
}

func (s state) mustGrow(ours set, want addrset.Set) bool {
	return !ours.ranges && s.usable(ours) && uint32(count(ours.of(want))) > s.sets[ours.name].size
}

func fillRanges(b *batch, want addrset.Set) {
	for _, ours := range sets {
		if ours.ranges {
			b.flush(ours)
			b.add(ours, ours.of(want))
		}
	}
}

// fillHosts replaces the hosts. A set that is too small is deleted and made again, with the rules that use it; for a hash
// set, unlike an interval set, that leaves no gap.
func fillHosts(b *batch, s state, want addrset.Set) error {
	if !s.hasRoom(want) {
		if err := b.library(func(c *nftables.Conn) error { return s.grow(c, want) }); err != nil {
			return err
		}
	}
	for _, ours := range sets {
		if !ours.ranges {
			if !s.mustGrow(ours, want) {
				b.flush(ours)
			}
			b.add(ours, ours.of(want))
		}
	}
	return nil
}

func (s state) grow(c *nftables.Conn, want addrset.Set) error {
	c.FlushTable(table)
	for _, ours := range sets {
		if s.mustGrow(ours, want) {
			larger := ours.declare(count(ours.of(want)))
			c.DelSet(larger)
			if err := c.AddSet(larger, nil); err != nil {
				return err
			}
		}
	}
	addRules(c)
	return nil
}

// run does the steps, and knows the ruleset then, unless somebody else changed it in between. The error is errUnknown when
// it is no longer of this generation in the beginning.
func (c *Conn) run(ctx context.Context, generation uint32, steps []step) error {
	defer func() { c.scratch = nil }()
	proven := true
	for i, s := range steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		if unneeded, err := s.unneeded(); unneeded || err != nil {
			if err != nil {
				return err
			}
			continue
		}
		if s.settled {
			settle()
		}
		after, err := c.do(generation, s)
		if errors.Is(err, errUnknown) && i > 0 {
			proven = false
			after, err = c.insist(ctx, s)
		}
		if err != nil {
			return err
		}
		proven = proven && after == following(generation)
		generation = after
	}
	if proven {
		c.learn(generation)
	}
	return nil
}

func (s step) unneeded() (bool, error) {
	if s.needed == nil {
		return false, nil
	}
	needed, err := s.needed()
	if errors.Is(err, errUnknown) {
		return false, nil
	}
	return !needed, err
}

// insist does a step on whatever ruleset somebody else has made meanwhile, if the structure of the table is still right;
// else the error is errUnknown. The step may have been done already: those of Load can be done twice, and
// those of Update fail then, so that all is loaded.
func (c *Conn) insist(ctx context.Context, s step) (after uint32, err error) {
	whole := true
	err = patiently(ctx, func() error {
		now, err := c.read()
		if err != nil {
			return err
		}
		if whole = len(now.faults()) == 0; whole {
			after, err = c.do(now.generation, s)
		}
		return err
	})
	if err == nil && !whole {
		err = errUnknown
	}
	return after, err
}

// do does a step and returns the generation of the ruleset afterwards. The step also changes a chain to what it is already:
// adding only what is there would be no change, and the next generation somebody else's.
func (c *Conn) do(generation uint32, s step) (uint32, error) {
	b := reuse(c.scratch, generation)
	if err := s.fill(b); err != nil {
		return 0, err
	}
	if !s.alone {
		if err := b.library(func(l *nftables.Conn) error {
			l.AddChain(chain(inputChain))
			return nil
		}); err != nil {
			return 0, err
		}
	}
	err := c.commit(b)
	c.scratch = b.bytes
	if err != nil {
		return 0, err
	}
	return c.generation()
}

func following(generation uint32) uint32 { return max(generation+1, 1) }

// settle waits until every packet has left the ruleset that was in it: a packet that asked the hash set before an address
// was added there must not ask the interval set after the address was removed there.
func settle() {
	const global, longest = 1, 20 * time.Millisecond // no packet takes that long
	if _, _, errno := unix.Syscall(unix.SYS_MEMBARRIER, global, 0, 0); errno != 0 {
		time.Sleep(longest)
	}
}
