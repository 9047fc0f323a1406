package update

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/miekg/dns"
)

// maxUpdate is how many bytes of records one update has at most: a message is limited to 64 KiB, signature and all.
const maxUpdate = 60_000

// refusalCounts is how long a pair may refuse an update before that is taken for its policy: while it changes its roles it
// refuses everything.
const refusalCounts = 3 * time.Second

// maxTries is how often an item is planned anew since the name was in use after all.
const maxTries = 3

// round tries once to make items true. Each is finished afterwards, or has trouble.
func (r *run) round(ctx context.Context, items []*item) {
	for zone, items := range r.located(ctx, items) {
		r.inZone(ctx, zone, items)
	}
}

func (r *run) inZone(ctx context.Context, zone string, items []*item) {
	v, steps, same, err := r.decidedIn(ctx, zone, items)
	if err != nil {
		fail(items, err)
		return
	}
	accepted := r.send(ctx, v, steps)
	if len(accepted)+len(same) == 0 {
		return
	}
	if err := r.confirm(ctx, v); err != nil {
		fail(slices.Concat(accepted, same), err)
		return
	}
	for _, it := range same {
		it.end(Unchanged, "")
	}
	for _, it := range accepted {
		it.end(Done, "")
	}
}

// fail has items tried again, or ends them where that would be in vain.
func fail(items []*item, err error) {
	for _, it := range items {
		if permanent(err) {
			it.finish(Refused, err)
		} else {
			it.again(err)
		}
	}
}

// send sends steps in as few messages as can hold them, and returns what was accepted.
func (r *run) send(ctx context.Context, v view, steps []*step) []*item {
	var accepted []*item
	for len(steps) > 0 {
		n := fitting(steps)
		accepted = append(accepted, r.deliver(ctx, v, steps[:n])...)
		steps = steps[n:]
	}
	return accepted
}

// fitting is how many of the first steps fit into one message. Names are counted as if nothing was compressed, which it is
// not: that would cost more than the bytes do.
func fitting(steps []*step) int {
	size := 0
	for i, s := range steps {
		for _, r := range slices.Concat(s.prerequisites, s.changes) {
			size += dns.Len(r)
		}
		if size > maxUpdate && i > 0 {
			return i
		}
	}
	return len(steps)
}

// deliver sends one message. A server makes all of it or nothing, so when it is one name that spoils it, halves are sent.
func (r *run) deliver(ctx context.Context, v view, steps []*step) []*item {
	var prerequisites, changes []dns.RR
	var items []*item
	for _, s := range steps {
		prerequisites, changes = append(prerequisites, s.prerequisites...), append(changes, s.changes...)
		items = append(items, s.it)
	}
	err := r.Update(ctx, v.at, v.zone, prerequisites, changes)
	var answer *RcodeError
	switch {
	case err == nil:
		for _, it := range items {
			it.taken = true
		}
		return items
	case !errors.As(err, &answer):
		fail(items, err) // that a server is silent does not say that it did nothing: the next round reads first
	case answer.prerequisite() && slices.ContainsFunc(items, func(it *item) bool { return it.assumed }):
		fail(items, answer) // some may be ours already: to read is quicker than to find out which
	case len(steps) > 1 && (answer.prerequisite() || answer.Rcode == refused):
		half := len(steps) / 2
		return append(r.deliver(ctx, v, steps[:half]), r.deliver(ctx, v, steps[half:])...)
	case answer.prerequisite():
		items[0].otherwise(answer)
	case answer.Rcode == refused:
		items[0].refuse(v, answer)
	case answer.Rcode == dns.RcodeFormatError || answer.Rcode == dns.RcodeNotZone:
		finishAll(items, Refused, answer)
	default:
		r.avoid(v.at)
		fail(items, answer)
	}
	return nil
}

func finishAll(items []*item, result Result, err error) {
	for _, it := range items {
		it.finish(result, err)
	}
}

// otherwise is for an item whose name was not as it looked: it is read in the next round. A name that looks unused and is
// not has records of other types.
func (it *item) otherwise(answer *RcodeError) {
	if it.tries++; it.tries >= maxTries && answer.Rcode == dns.RcodeYXDomain {
		it.end(NotOwner, "there is something else at the name")
		return
	}
	it.again(answer)
}

// refuse is for an item that the server refused: by its policy, unless the server is one of a pair.
func (it *item) refuse(v view, answer *RcodeError) {
	if it.refusedAt.IsZero() {
		it.refusedAt = time.Now()
	}
	if v.writer == nil || time.Since(it.refusedAt) >= refusalCounts {
		it.finish(Refused, answer)
		return
	}
	it.again(answer)
}
