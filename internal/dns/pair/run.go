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

// New is a daemon for the settings of a machine.
func New(h *host.Host, log io.Writer) (*Daemon, error) {
	d := &Daemon{host: h, log: log, decided: time.Now()}
	return d, d.load()
}

// load takes the settings of the machine. What is known of a zone that was there before stays known.
func (d *Daemon) load() error {
	data, err := d.host.ReadFile(dns.ServerPath)
	if err != nil {
		return err
	}
	s, err := dns.ParseServer(data)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.text != "" && s.Self != d.settings.Self {
		return fmt.Errorf("this server was %s and is %s", d.settings.Self, s.Self)
	}
	if len(s.Zones) == 0 {
		return fmt.Errorf("%s names no zone", dns.ServerPath)
	}
	known, running := d.zones, d.text != ""
	d.zones = nil
	for _, z := range s.Zones {
		d.zones = append(d.zones, d.zone(known, z.Name, s, running))
	}
	d.settings, d.text = s, string(data)
	d.away = d.away && s.Peer.IsValid()
	return nil
}

func (d *Daemon) zone(known []*zone, name string, s dns.Server, running bool) *zone {
	view := View{Self: s.Self, Peer: s.Peer, First: s.First, Arbiter: Arbiter{Used: s.Arbiter.IsValid()}, Had: d.host.Exists(dns.SeenPath(name))}
	view.Last = lastOf(d.host, name)
	i := slices.IndexFunc(known, func(z *zone) bool { return z.name == name })
	if i < 0 {
		return &zone{name: name, seen: time.Now(), since: time.Now(), patience: hangs, view: view, kept: view.Last, young: running}
	}
	z := known[i]
	if z.view.Peer == s.Peer {
		z.view.First, z.view.Arbiter = s.First, view.Arbiter
		return z
	}
	view.Role, view.Mine, view.Last = z.view.Role, z.view.Mine, z.view.Last
	z.view, z.seen, z.missed, z.blind = view, time.Now(), 0, ""
	return z
}

// Run goes on until ctx ends. Before it returns, keepalived is told that this server does not answer.
func (d *Daemon) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	listener, err := d.listen()
	if err != nil {
		return err
	}
	if err := Fault(d.host); err != nil { // what an earlier one wrote says nothing of now
		return errors.Join(err, listener.Close(), d.only.Close())
	}
	if err := notify("READY=1"); err != nil {
		d.say("tell systemd: %v", err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		defer stop()
		d.serve(ctx, listener)
	})
	for ctx.Err() == nil && err == nil {
		d.withSettings(ctx)
		if ctx.Err() == nil {
			err = d.load()
			d.say("the settings are others now")
		}
	}
	stop()
	err = errors.Join(err, listener.Close())
	all.Wait()
	return errors.Join(err, Fault(d.host), d.only.Close())
}

// withSettings watches and decides until the settings of the machine are others.
func (d *Daemon) withSettings(ctx context.Context) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var all sync.WaitGroup
	all.Go(func() { d.watch(ctx) })
	if len(d.settings.VIP) > 0 {
		all.Go(func() { d.watchVirtual(ctx) })
	}
	if len(d.settings.Primaries) == 0 { // a further server never writes
		all.Go(func() { d.decide(ctx) })
	}
	for ctx.Err() == nil && !d.changed() {
		select {
		case <-ctx.Done():
		case <-time.After(pollEvery):
		}
	}
	stop()
	all.Wait()
}

// changed reports whether the machine has other settings, that can be read: who writes them may not be ready.
func (d *Daemon) changed() bool {
	data, err := d.host.ReadFile(dns.ServerPath)
	if err != nil || string(data) == d.text {
		return false
	}
	_, err = dns.ParseServer(data)
	return err == nil
}

// every are the zones of now; what is asked for by an operator is done for them even when others come.
func (d *Daemon) every() []*zone {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.zones)
}

// peer is the other server of now.
func (d *Daemon) peer() netip.Addr {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.settings.Peer
}

// without takes the zones from a change of roles whose own records cannot be kept, and says so.
func (d *Daemon) without(ctx context.Context, roles map[string]named.Role) (rest map[string]named.Role, err error) {
	rest = map[string]named.Role{}
	for _, z := range d.zones {
		role, ok := roles[z.name]
		if !ok {
			continue
		}
		failed := d.keepOwn(ctx, z, role)
		d.trouble(z, failed)
		if failed == nil {
			rest[z.name] = role
		}
		err = errors.Join(err, failed)
	}
	return rest, err
}

// trouble remembers what keeps a zone from its next step.
func (d *Daemon) trouble(z *zone, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if z.trouble = ""; err != nil {
		z.trouble = err.Error()
	}
}
