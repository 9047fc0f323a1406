// Package pair decides who of two name servers writes to a zone, and makes it so: it watches both, promotes and demotes the
// one that it runs on, and tells keepalived whether this one answers. It changes no other records of a zone and writes no
// configuration itself; package named does.
package pair

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"sync"
	"time"

	"debvisor/internal/dns"
	"debvisor/internal/dns/named"
	"debvisor/internal/host"
)

// How often and how long a server is looked at.
const (
	pollEvery    = 200 * time.Millisecond
	silentAfter  = 1500 * time.Millisecond // longer than named needs to be started again
	missesSilent = 3                       // so many questions in a row, at least
	peerWait     = 300 * time.Millisecond  // for one answer of another server
	stepWait     = 20 * time.Second        // for one step, with a lock that a rotation may hold
	startsWithin = 30 * time.Second        // named, also with large zones; nobody promotes the peer so soon, for this node lives
)

// port is where name servers are.
const port = 53

// Daemon is what runs beside named.
type Daemon struct {
	host      *host.Host
	settings  dns.Server
	log       io.Writer // a line for each thing that changes
	moved     bool      // the last look led to a step
	only      io.Closer // the lock that only one daemon has
	text      string    // of the settings
	mu        sync.Mutex
	zones     []*zone
	away      bool // the virtual addresses are to be on the peer, while that one answers
	health    health
	unheard   string              // why named is not heard at a virtual address
	elsewhere time.Time           // until when the virtual addresses are to be on the peer, since they are of no use here
	given     map[netip.Addr]bool // virtual addresses that were given up and have not answered here since
	said      string              // what was logged last of no zone
	decided   time.Time           // when the zones were looked at last
}

// zone is what is known and wanted of a zone; the daemon's lock is held to look at it.
type zone struct {
	name      string
	view      View
	loaded    bool // this server's named answered when it was last asked
	seen      time.Time
	since     time.Time // of the role
	said      string    // what was logged last
	refreshed time.Time
	advanced  time.Time     // when this server's serial changed
	behind    time.Time     // since when the peer has changes that this server lacks
	forwards  bool          // it is secondary and sends updates on
	leave     bool          // an operator wants the peer to write
	promote   Promotion     // an operator wants this server to write
	patience  time.Duration // with a transfer
	took      taken         // what the peer took over from, when it shows it
	missed    int           // questions in a row that the peer did not answer
	stale     time.Time     // since when the peer has shown a later record than this server has
	alone     time.Time     // when this server was seen to write alone, or began to
	kept      dns.Writer    // the record that is kept on the disk
	young     bool          // it came to a running server, and this one has not answered for it yet
	trouble   string        // what keeps a step from being made
	blind     string        // why the peer is not seen
	deaf      string        // why the arbiter is not
}

// decide looks and makes a step, again and again; after a step it looks again at once.
func (d *Daemon) decide(ctx context.Context) {
	for ctx.Err() == nil {
		pause := pollEvery
		if d.moved = d.tick(ctx); d.moved {
			pause = 10 * time.Millisecond
		}
		d.mu.Lock()
		d.decided = time.Now()
		d.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// tick reports whether it changed anything.
func (d *Daemon) tick(ctx context.Context) bool {
	ctx, stop := context.WithTimeout(ctx, stepWait)
	defer stop()
	if err := d.look(ctx); err != nil {
		d.sayOnce(nil, "look: %v", err)
		return false
	}
	moved, err := d.step(ctx)
	if err != nil && ctx.Err() == nil {
		d.sayOnce(nil, "%v", err)
	}
	return moved && err == nil
}

func (d *Daemon) say(format string, args ...any) {
	fmt.Fprintf(d.log, format+"\n", args...)
}

// sayOnce logs something of a zone, or of none, unless it was the last thing that was logged.
func (d *Daemon) sayOnce(z *zone, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	last := &d.said
	if z != nil {
		last = &z.said
	}
	if *last != text {
		*last = text
		d.say("%s", text)
	}
}

// said is a record in words.
func said(w dns.Writer) string {
	if w.Epoch == 0 {
		return "in no epoch"
	}
	return w.String()
}

func at(server netip.Addr) netip.AddrPort { return netip.AddrPortFrom(server, port) }

// step makes the next step of each zone. Changes of roles are one for all zones: named reads its configuration once.
func (d *Daemon) step(ctx context.Context) (moved bool, err error) {
	actions := map[*zone]Action{}
	roles := map[string]named.Role{}
	for _, z := range d.zones {
		d.mu.Lock()
		view, loaded := z.view, z.loaded
		d.mu.Unlock()
		if !loaded {
			continue
		}
		a := Decide(view)
		actions[z] = a
		if a.Role != view.Role || a.Role == named.Secondary && !z.forwards && view.follows() {
			roles[z.name] = a.Role
			d.sayOnce(z, "%s: becomes %s: %s", z.name, a.Role, a.Why)
		} else {
			d.sayOnce(z, "%s: is %s, %s: %s", z.name, view.Role, said(view.Mine.Record), a.Why)
		}
	}
	var errs []error
	if len(roles) > 0 {
		if err = d.become(ctx, roles); err == nil {
			return true, nil
		}
		errs = append(errs, err) // which holds up no other zone
	}
	for _, z := range slices.DeleteFunc(slices.Clone(d.zones), func(z *zone) bool { return actions[z].Role == "" || roles[z.name] != "" }) {
		done, err := d.make(ctx, z, actions[z])
		moved = moved || done
		errs = append(errs, err)
	}
	return moved, errors.Join(errs...)
}

// follows reports whether the peer is known to write, so that updates may be sent on to it.
func (v View) follows() bool { return v.Sees == Answers && v.Mine.Record.Writer == v.Peer }

// make makes the part of a step that is none of roles.
func (d *Daemon) make(ctx context.Context, z *zone, a Action) (bool, error) {
	switch {
	case a.Swap != nil:
		return true, d.swap(ctx, z, *a.Swap, a.Why)
	case a.Write != nil:
		return true, d.write(ctx, z, *a.Write, a.Why)
	}
	if err := errors.Join(d.settle(ctx, z), d.remember(ctx, z)); err != nil {
		d.trouble(z, err)
		return false, errors.Join(err, d.fetch(ctx, z))
	}
	d.trouble(z, nil)
	return false, d.fetch(ctx, z)
}
