package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"time"

	"debvisor/internal/dns"
	"debvisor/internal/dns/update"
	"debvisor/internal/guests"
	"debvisor/internal/host"
	"debvisor/internal/tsig"
)

// guestPatience is how long the name servers have for all changes of one look; while it waits, no other note is read.
const guestPatience = 10 * time.Second

// reconciler is what registers this host's guests, with the node's settings and the key of guests. It logs to log.
func reconciler(log io.Writer, h *host.Host) (*guests.Reconciler, error) {
	settings, err := dns.LoadClient(h)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: the role vm-register has not run here", err)
	}
	if err != nil {
		return nil, err
	}
	if settings.Guests == "" || len(settings.Servers) == 0 {
		return nil, fmt.Errorf("%s says no zone of guests, or no servers: run the role vm-register", dns.ClientPath)
	}
	not, err := servers(h, settings)
	if err != nil {
		return nil, err
	}
	return &guests.Reconciler{Host: h, DNS: guestRecords{h, settings}, Zone: settings.Guests, Not: not, Now: time.Now,
		Log: func(words string) { fmt.Fprintln(log, words) }}, nil
}

// servers are the addresses of name servers, the virtual one too, which are no guest's.
func servers(h *host.Host, c dns.Client) (all []netip.Addr, err error) {
	for _, s := range c.Servers {
		all = append(all, s.Addr())
	}
	s, err := dns.LoadServer(h)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	for _, a := range append(append(s.VIP, s.Secondaries...), s.Self, s.Peer, s.Arbiter) {
		if a.IsValid() {
			all = append(all, a)
		}
	}
	return all, err
}

// guestRecords changes records of guests. It reads the key each time: a rotation replaces it.
type guestRecords struct {
	h        *host.Host
	settings dns.Client
}

// Update implements guests.Updater.
func (g guestRecords) Update(ctx context.Context, changes []guests.Change) []error {
	all := make([]error, len(changes))
	var sent []update.Change
	for i, c := range changes {
		owner, err := update.IdentityOf(c.UUID)
		if all[i] = err; err == nil {
			sent = append(sent, update.Change{Add: c.Add, Name: c.Name, Addresses: c.Addresses, Owner: owner, TTL: g.settings.TTL})
		}
	}
	outcomes, err := g.apply(ctx, sent)
	for i := range changes {
		switch {
		case all[i] != nil:
		case err != nil:
			all[i] = err
		default:
			all[i] = taken(outcomes[0])
			outcomes = outcomes[1:]
		}
	}
	return all
}

func (g guestRecords) apply(ctx context.Context, changes []update.Change) ([]update.Outcome, error) {
	key, err := tsig.ClientKey(g.h, tsig.VM)
	if err != nil {
		return nil, fmt.Errorf("the key of guests: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, guestPatience)
	defer cancel()
	return (&update.Client{Servers: g.settings.Servers, Key: key}).Apply(ctx, changes...)
}

// taken marks the error of a name that is somebody else's.
func taken(o update.Outcome) error {
	if o.Result == update.NotOwner {
		return fmt.Errorf("%w: %w", guests.ErrTaken, o.Err())
	}
	return o.Err()
}
