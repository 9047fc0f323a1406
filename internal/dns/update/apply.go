package update

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Patience is how long Apply tries when its context has no deadline.
const Patience = 15 * time.Second

// Apply makes changes and says how each ended, in the same order. It tries until ctx ends; what can be known to fail is not
// tried again. Changes of one name are made in their order, and reverse names after the names they lead to; all others go
// together, in messages as large as they may be. The error is that of a change that is none; how changes fail is in their
// outcomes. Anything may be applied again.
func (c *Client) Apply(ctx context.Context, changes ...Change) ([]Outcome, error) {
	r, err := c.start(changes)
	if err != nil {
		return nil, err
	}
	if _, bounded := ctx.Deadline(); !bounded {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, Patience)
		defer stop()
	}
	for pause := firstPause; len(r.todo) > 0; {
		left := len(r.todo)
		r.round(ctx, r.ready())
		r.settle()
		if len(r.todo) < left {
			pause = firstPause
		}
		if len(r.todo) > 0 && r.stuck() && !sleep(ctx, &pause) {
			r.giveUp()
			break
		}
	}
	return r.outcomes, nil
}

// Plan says what Apply would send as things are, and how what needs nothing would end; nothing is changed.
func (c *Client) Plan(ctx context.Context, changes ...Change) ([]Outcome, error) {
	r, err := c.start(changes)
	if err != nil {
		return nil, err
	}
	r.asks = true
	for len(r.todo) > 0 {
		now := r.ready()
		for zone, items := range r.located(ctx, now) {
			r.planned(ctx, zone, items)
		}
		for _, it := range now {
			if it.trouble != nil {
				it.finish(worstOf(it), it.trouble)
			}
		}
		r.settle()
	}
	return r.outcomes, nil
}

const (
	firstPause = 5 * time.Millisecond
	lastPause  = 200 * time.Millisecond
)

// sleep waits, each time longer, and reports whether there is still time.
func sleep(ctx context.Context, pause *time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(*pause):
	}
	*pause = min(2**pause, lastPause)
	return true
}

// run is one Apply.
type run struct {
	*Client
	outcomes []Outcome
	todo     []*item
	servers  []netip.AddrPort // the one that answered last comes first
	asks     bool             // nothing is assumed that an update would tell
}

func (c *Client) start(changes []Change) (*run, error) {
	if len(c.Servers) == 0 {
		return nil, errors.New("there is no server to send updates to")
	}
	r := &run{Client: c, servers: slices.Clone(c.Servers)}
	for i, change := range changes {
		if err := change.check(); err != nil {
			return nil, err
		}
		if change.TTL == 0 {
			change.TTL = DefaultTTL
		}
		r.outcomes = append(r.outcomes, Outcome{Change: change})
		r.todo = append(r.todo, newItem(i, change))
	}
	return r, nil
}

func (c Change) check() error {
	if _, err := CheckName(c.Name); err != nil {
		return err
	}
	if !c.Owner.valid {
		return fmt.Errorf("%s: it has no owner", c.Name)
	}
	if c.Add && len(c.Addresses) == 0 {
		return fmt.Errorf("%s: there is no address to add", c.Name)
	}
	for _, a := range c.Addresses {
		if why := usable(a); why != "" {
			return fmt.Errorf("%s: the address %s: %s", c.Name, a, why)
		}
	}
	return nil
}

// ready are the items to look at now: of each name the first.
func (r *run) ready() []*item {
	var now []*item
	seen := map[string]bool{}
	for _, it := range r.todo {
		if !seen[it.given] {
			seen[it.given] = true
			it.trouble = nil
			now = append(now, it)
		}
	}
	return now
}

// settle takes what is finished off the list, and puts the reverse names on it that follow.
func (r *run) settle() {
	var todo []*item
	for _, it := range r.todo {
		if !it.finished {
			todo = append(todo, it)
			continue
		}
		o := &r.outcomes[it.change]
		o.Records = append(o.Records, it.record)
		if it.record.Result != NotServed {
			o.Result = max(o.Result, it.record.Result)
		}
		todo = append(todo, it.followers(o.Change)...)
	}
	r.todo = todo
}

// stuck reports whether something of the last round must be tried again.
func (r *run) stuck() bool {
	return slices.ContainsFunc(r.todo, func(it *item) bool { return it.trouble != nil })
}

// giveUp ends all that is left, for the time is over.
func (r *run) giveUp() {
	for len(r.todo) > 0 {
		for _, it := range r.todo {
			it.finish(worstOf(it), it.trouble)
		}
		r.settle()
	}
}

func worstOf(it *item) Result {
	switch {
	case it.taken:
		return NotAcknowledged
	case rcodeOf(it.trouble) == refused:
		return Refused
	}
	return Unreachable
}
