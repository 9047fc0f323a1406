package pair

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"debvisor/internal/dns/named"
	"debvisor/internal/dns/update"
	"debvisor/internal/host"
)

// How named is watched. A second miss in a row is a fault: one can be a packet that a full buffer dropped.
const (
	watchEvery = 50 * time.Millisecond
	watchWait  = 100 * time.Millisecond
	missesBad  = 2
	hitsGood   = 5
)

// staleAfter is how long the peer may have a later record before this server's answers are no good.
const staleAfter = 5 * time.Second

// stuckAfter is how long nothing may be decided: longer than a step and a transfer that is kept.
const stuckAfter = 50 * time.Second

// TrackPath is what keepalived reads: a number that is added to its priority.
const TrackPath = named.RunDir + "/track"

const (
	trackGood  = "0\n"
	trackFault = "-254\n" // is a fault, whatever the priority
)

// Fault tells keepalived that this server does not answer.
func Fault(h *host.Host) error { return track(context.Background(), h, trackFault) }

func track(ctx context.Context, h *host.Host, value string) error {
	changes, err := h.Need(host.File{Path: TrackPath, Content: value, Mode: 0o644})
	if err != nil {
		return err
	}
	return h.Apply(ctx, changes)
}

// health is what the questions so far say of named.
type health struct {
	good         bool
	misses, hits int
}

// count takes the answer to one more question.
func (s *health) count(answered bool) {
	if answered {
		s.misses = 0
		s.hits++
		s.good = s.good || s.hits >= hitsGood
		return
	}
	s.hits = 0
	s.misses++
	s.good = s.good && s.misses < missesBad
}

// watch asks named for each zone all the time and keeps keepalived's file.
func (d *Daemon) watch(ctx context.Context) {
	next := time.NewTicker(watchEvery)
	defer next.Stop()
	for ctx.Err() == nil {
		answered := d.answers(ctx)
		d.mu.Lock()
		was := d.health.good
		d.health.count(answered)
		now := d.health.good
		value := d.verdict(time.Now())
		d.mu.Unlock()
		if was != now {
			d.say("named answers: %v", now)
		}
		if ctx.Err() != nil {
			return
		}
		d.alive()
		if err := track(ctx, d.host, value); err != nil && ctx.Err() == nil {
			d.say("tell keepalived: %v", err)
		}
		select {
		case <-ctx.Done():
		case <-next.C:
		}
	}
}

// verdict is what keepalived is told. That the addresses are to be on the peer counts only while there is one that can have them.
func (d *Daemon) verdict(now time.Time) string {
	away, seen := d.away, false
	for _, z := range d.zones {
		if !z.stale.IsZero() && now.Sub(z.stale) > staleAfter {
			return trackFault
		}
		away = away && z.view.Sees != Silent
		seen = seen || z.view.Sees == Answers
		if z.writes() {
			away, d.away = false, false
		}
	}
	if away || !d.health.good || seen && now.Before(d.elsewhere) {
		return trackFault
	}
	return trackGood
}

// alive tells systemd that this daemon watches and decides.
func (d *Daemon) alive() {
	d.mu.Lock()
	good := time.Since(d.decided) < stuckAfter || len(d.settings.Primaries) > 0
	d.mu.Unlock()
	if !good {
		return
	}
	if err := notify("WATCHDOG=1"); err != nil {
		d.say("tell systemd: %v", err)
	}
}

// answers asks for the SOA of each zone; refusals and wrong answers are none. A zone that is new counts once it was there.
func (d *Daemon) answers(ctx context.Context) bool {
	c := &update.Client{Timeout: watchWait}
	bad := make(chan error, len(d.zones))
	var all sync.WaitGroup
	for _, z := range d.zones {
		all.Go(func() {
			_, err := c.Serial(ctx, at(d.settings.Self), z.name)
			switch {
			case err == nil:
				z.young = false
			case !z.young:
				bad <- err
			}
		})
	}
	all.Wait()
	return len(bad) == 0
}

// notify tells systemd how this service does, when systemd asked for it.
func notify(state string) error {
	socket := os.Getenv("NOTIFY_SOCKET")
	if socket == "" {
		return nil
	}
	conn, err := net.Dial("unixgram", socket)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(state)); err != nil {
		return fmt.Errorf("notify %s: %w", state, err)
	}
	return nil
}
