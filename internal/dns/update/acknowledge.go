package update

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	zones "debvisor/internal/dns"

	"github.com/miekg/dns"
)

// When is an update acknowledged? named answers as soon as it has written its own journal, before any other server has the
// change; if it is lost then, so is the change. A zone of a pair therefore has a record that says who writes and who must
// have what was written: package dns has it, package pair writes it. With e its epoch, W its writer and M its members, an
// update counts when these were seen, in this order:
//
//  1. every member shows the record of epoch e;
//  2. W accepts the update;
//  3. W has the serial S;
//  4. every other member has S or a later serial, and after that still shows epoch e;
//  5. W still shows epoch e.
//
// Why that is enough. The epoch that one server shows never goes down. By 1 and 5, W was in epoch e the whole time from
// before it accepted until after S was read; only one server writes in an epoch, so the update is in the zone as W wrote it
// in e, at S or before. By 1 and 4, another member m was in epoch e when its serial was read, so its serial was that of a
// copy of what W wrote in e and not one of another line of changes that reached the same number; and it was at or after S, so
// m has the update. So every member has it at once, as part of epoch e. The next epoch is begun by a member with what it has,
// or by one that has everything a member has; so it has the update too, and so on by induction. What a server has it does not
// lose: named syncs its journal before it answers and before it shows a serial.
//
// If anything else is seen, the update may be there or not. It is then planned anew from the beginning; what is there already
// needs no message, but the same five observations.

// view is who is to be asked and written to for a zone.
type view struct {
	zone   string
	at     netip.AddrPort
	writer *zones.Writer // nil for a server that is alone: its answer is enough
	others []netip.AddrPort
}

// view finds out who writes. Of a pair, all members must say the same.
func (r *run) view(ctx context.Context, zone string) (view, error) {
	var errs []error
	for _, server := range slices.Clone(r.servers) {
		w, err := r.Writer(ctx, server, zone)
		switch {
		case err != nil:
			errs = append(errs, err)
		case w == nil:
			r.prefer(server)
			return view{zone: zone, at: server}, nil
		default:
			r.prefer(server)
			return r.pair(ctx, zone, *w, server.Port())
		}
	}
	return view{}, errors.Join(errs...)
}

// pair is the view of a zone that two write. A later record than the one that is known is followed, once: those who would
// have to be asked again are changing their roles.
func (r *run) pair(ctx context.Context, zone string, w zones.Writer, port uint16) (view, error) {
	for range 2 {
		v := view{zone: zone, writer: &w, at: netip.AddrPortFrom(w.Writer, port)}
		for _, m := range w.Members {
			if m != w.Writer {
				v.others = append(v.others, netip.AddrPortFrom(m, port))
			}
		}
		err := together(slices.Concat(v.others, []netip.AddrPort{v.at}), func(m netip.AddrPort) error { return r.shows(ctx, m, v) })
		var other *otherEpoch
		if !errors.As(err, &other) || other.shown.Epoch < w.Epoch {
			return v, err
		}
		w = other.shown
	}
	return view{}, errors.New("the pair is changing its roles")
}

// otherEpoch is the error of a member that shows another record than expected.
type otherEpoch struct {
	server netip.AddrPort
	shown  zones.Writer
	want   uint32
}

func (e *otherEpoch) Error() string {
	return fmt.Sprintf("%s is in epoch %d, not %d", e.server, e.shown.Epoch, e.want)
}

// shows is nil when a member shows the record of the view.
func (r *run) shows(ctx context.Context, member netip.AddrPort, v view) error {
	w, err := r.Writer(ctx, member, v.zone)
	switch {
	case err != nil:
		return err
	case w == nil:
		return fmt.Errorf("%s has no record of who writes to %s", member, bare(v.zone))
	case !w.Equal(*v.writer):
		return &otherEpoch{member, *w, v.writer.Epoch}
	}
	return nil
}

// Writer is the record of who writes to a zone, as one server shows it; nil when the zone has none.
func (c *Client) Writer(ctx context.Context, server netip.AddrPort, zone string) (*zones.Writer, error) {
	m, err := c.Query(ctx, server, zones.WriterLabel+"."+zone, dns.TypeTXT)
	if err != nil {
		return nil, err
	}
	if !m.Authoritative {
		return nil, fmt.Errorf("%s: %w", server, errNotServed)
	}
	return WriterIn(m)
}

// WriterIn is the record of who writes in an answer; nil when there is none. Two are an error, as is one that says nothing.
func WriterIn(m *dns.Msg) (found *zones.Writer, err error) {
	for _, r := range m.Answer {
		txt, ok := r.(*dns.TXT)
		switch {
		case !ok:
			continue
		case found != nil:
			return nil, fmt.Errorf("%w: there are several", zones.ErrWriter)
		}
		w, err := zones.ParseWriter(strings.Join(txt.Txt, ""))
		if err != nil {
			return nil, err
		}
		found = &w
	}
	return found, nil
}

// maxBehind is how long a member may lack what the writer has before everything is looked at anew.
const maxBehind = 2 * time.Second

// confirm makes the observations 3 to 5 for all that was sent to a zone before.
func (r *run) confirm(ctx context.Context, v view) error {
	if v.writer == nil {
		return nil
	}
	serial, err := r.Serial(ctx, v.at, v.zone)
	if err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(ctx, maxBehind)
	defer stop()
	if err := together(v.others, func(m netip.AddrPort) error { return r.reached(ctx, m, v, serial) }); err != nil {
		return err
	}
	return r.shows(ctx, v.at, v)
}

// reached waits until a member has a serial, and looks at its epoch after that.
func (r *run) reached(ctx context.Context, member netip.AddrPort, v view, serial uint32) error {
	for pause := firstPause; ; {
		has, err := r.Serial(ctx, member, v.zone)
		if err != nil {
			return err
		}
		if err := r.shows(ctx, member, v); err != nil || Newer(has, serial) {
			return err
		}
		if !sleep(ctx, &pause) {
			return fmt.Errorf("%s has the serial %d, not yet %d", member, has, serial)
		}
	}
}

// together does something for several servers at once and returns the errors.
func together(servers []netip.AddrPort, do func(netip.AddrPort) error) error {
	if len(servers) == 1 {
		return do(servers[0])
	}
	errs := make(chan error, len(servers))
	for _, s := range servers {
		go func() { errs <- do(s) }()
	}
	var all []error
	for range servers {
		all = append(all, <-errs)
	}
	return errors.Join(all...)
}

// avoid has a server asked last.
func (r *run) avoid(server netip.AddrPort) {
	if i := slices.Index(r.servers, server); i >= 0 {
		r.servers = append(slices.Delete(r.servers, i, i+1), server)
	}
}
