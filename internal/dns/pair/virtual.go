package pair

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"debvisor/internal/dns/update"
)

// How the virtual addresses are watched. named binds to one within milliseconds of its coming, by itself: it listens to the
// kernel (automatic-interface-scan) for addresses that its listen-on names. It does not where that failed once, until an hour
// later, nor where listen-on or an access list leaves the address out.
const (
	virtualEvery  = 250 * time.Millisecond // how often the machine's addresses are looked at
	virtualGrace  = 2 * time.Second        // from when an address comes until it is asked
	virtualMisses = 20                     // questions in a row: one to two seconds
	virtualPause  = 30 * time.Second       // for which the other server is to have the addresses
)

// virtual is what the watcher knows of the virtual addresses on this machine.
type virtual map[netip.Addr]*virtualAddress

type virtualAddress struct {
	since  time.Time // when it came
	misses int
	tried  bool // named was told to look for it
}

// here takes the addresses that the machine has now.
func (v virtual) here(now []netip.Addr, at time.Time) {
	for a := range v {
		if !slices.Contains(now, a) {
			delete(v, a)
		}
	}
	for _, a := range now {
		if v[a] == nil {
			v[a] = &virtualAddress{since: at}
		}
	}
}

// What follows from an answer, or from none.
type remedy int

const (
	nothing remedy = iota
	scan           // have named look for new addresses
	giveUp         // the other server is to have them
)

// count takes the answer to one more question.
func (a *virtualAddress) count(answered bool) remedy {
	if answered {
		a.misses, a.tried = 0, false
		return nothing
	}
	if a.misses++; a.misses < virtualMisses {
		return nothing
	}
	a.misses = 0
	if !a.tried {
		a.tried = true
		return scan
	}
	return giveUp
}

// watchVirtual asks named at each virtual address that this machine has had for a while. It does not hold up watch.
func (d *Daemon) watchVirtual(ctx context.Context) {
	v, looked := virtual{}, time.Time{}
	next := time.NewTicker(watchEvery)
	defer next.Stop()
	for ctx.Err() == nil {
		if now := time.Now(); now.Sub(looked) >= virtualEvery {
			found, err := here(d.settings.VIP)
			if err != nil {
				d.say("look for the virtual addresses: %v", err)
			}
			v.here(found, now)
			looked = now
		}
		d.askVirtual(ctx, v)
		select {
		case <-ctx.Done():
		case <-next.C:
		}
	}
}

func (d *Daemon) askVirtual(ctx context.Context, v virtual) {
	var wrong error
	for a, state := range v {
		if time.Since(state.since) < virtualGrace {
			continue
		}
		_, err := (&update.Client{Timeout: watchWait}).Serial(ctx, at(a), d.zones[0].name)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			d.mu.Lock()
			delete(d.given, a)
			d.mu.Unlock()
		}
		d.remedy(ctx, state.count(err == nil), a, err)
		if state.tried {
			wrong = err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case wrong != nil:
		d.unheard = wrong.Error()
	case len(v) > 0 || time.Now().After(d.elsewhere):
		d.unheard = ""
	}
}

func (d *Daemon) remedy(ctx context.Context, r remedy, a netip.Addr, why error) {
	switch r {
	case scan:
		d.say("named does not answer at the virtual address %s, and is told to look for addresses: %v", a, why)
		if _, err := d.host.Run(ctx, "rndc", "scan"); err != nil {
			d.say("%v", err)
		}
	case giveUp:
		d.mu.Lock()
		again := d.given[a]
		d.mu.Unlock()
		if again { // the peer had it, and it is back: giving it up once more helps nobody
			return
		}
		d.say("named does not answer at the virtual address %s, which the peer is to have if it answers: %v", a, why)
		d.mu.Lock()
		d.elsewhere = time.Now().Add(virtualPause)
		if d.given == nil {
			d.given = map[netip.Addr]bool{}
		}
		d.given[a] = true
		d.mu.Unlock()
	}
}
