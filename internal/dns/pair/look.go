package pair

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"sync"
	"time"

	pairs "debvisor/internal/dns"
	"debvisor/internal/dns/named"
	"debvisor/internal/dns/update"
	"debvisor/internal/host"
	"debvisor/internal/tsig"

	"github.com/miekg/dns"
)

// look sees what each zone is here, at the peer and at the arbiter.
func (d *Daemon) look(ctx context.Context) error {
	roles, err := named.Roles(d.host)
	if err != nil {
		return err
	}
	keys, err := transferKeys(d.host)
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	for _, z := range d.zones {
		all.Go(func() { d.lookAt(ctx, z, keys, roles[z.name]) })
	}
	all.Wait()
	return nil
}

// found is what the questions of one look came to.
type found struct {
	view        View // with what the peer and the arbiter say
	mine        Copy
	err         error // of asking this server
	took        taken
	missed      int
	blind, deaf string
}

// lookAt asks for a zone and takes what it finds.
func (d *Daemon) lookAt(ctx context.Context, z *zone, keys []tsig.Key, role named.Role) {
	f := d.ask(ctx, z, keys)
	d.mu.Lock()
	defer d.mu.Unlock()
	z.derive(f, role, time.Now())
}

// ask asks for a zone. This server is asked last, so that what it shows is not older than what is known of the others.
func (d *Daemon) ask(ctx context.Context, z *zone, keys []tsig.Key) found {
	f := found{view: z.view, missed: z.missed, blind: z.blind}
	v := &f.view
	var all sync.WaitGroup
	if v.Peer.IsValid() && !(d.moved && v.Sees == Silent) { // going on alone is several steps, and each would wait for it
		all.Go(func() {
			var err error
			f.took, err = v.seePeer(ctx, z, keys)
			f.missed, f.blind = seen(f.missed, err)
		})
	}
	if v.Arbiter.Used {
		all.Go(func() {
			var err error
			v.Arbiter.Record, err = d.judgement(ctx, z, keys)
			v.Arbiter.Known, v.Arbiter.Wrong = err == nil, ""
			if _, f.deaf = seen(0, err); errors.Is(err, pairs.ErrWriter) {
				v.Arbiter.Wrong = f.deaf
			}
		})
	}
	all.Wait()
	f.mine, f.err = copyOf(ctx, &update.Client{Timeout: peerWait}, at(v.Self), z.name, v.Last)
	if errors.Is(f.err, pairs.ErrWriter) {
		f.mine.Wrong, f.err = f.err.Error(), nil
	}
	return f
}

// derive takes what was found, and what follows from it and from what was seen before.
func (z *zone) derive(f found, role named.Role, now time.Time) {
	v := f.view
	v.Leave, v.Promote = z.leave, z.promote
	z.missed, z.blind, z.deaf = f.missed, f.blind, f.deaf
	z.forwards = role == named.Secondary
	if v.Mine, v.Role = f.mine, role; v.Role == "" {
		v.Role = named.Secondary
	}
	if !v.Peer.IsValid() {
		v.Role = named.Primary
	}
	if v.Role != z.view.Role {
		z.since = now
	}
	same := v.Mine.Record.Epoch > 0 && v.Theirs.Record.Equal(v.Mine.Record)
	v.Held = v.Role == named.Primary && (v.Held || v.Sees == Answers && same)
	if v.Mine.Serial != z.view.Mine.Serial {
		z.advanced = now
	}
	if v.Mine.Record.Epoch > 0 && !Later(v.Last, v.Mine.Record) { // an old backup does not undo what was known
		v.Last = v.Mine.Record
	}
	if alone := v.solo(v.Mine.Record.Epoch); v.Role == named.Primary && v.Mine.Record.Equal(alone) {
		z.alone = now
	}
	v.Went = now.Sub(z.alone) < startsWithin
	if v.Sees == Answers {
		z.seen, z.took = now, f.took
	}
	switch later := v.Sees == Answers && v.outdated(); {
	case !later:
		z.stale = time.Time{}
	case z.stale.IsZero():
		z.stale = now
	}
	var refused *update.RcodeError
	z.view, z.loaded = v, f.err == nil || errors.As(f.err, &refused) // a named without the zone is one that answers
}

// outdated reports whether the peer has a later record. Behind one that cannot be believed may be one that is later still.
func (v View) outdated() bool {
	return Later(v.Theirs.Record, v.Mine.Record) && !(v.Mine.Wrong != "" && Later(v.Last, v.Theirs.Record))
}

// seePeer asks the peer for a zone. The fields of z that it needs are those that only lookAt changes.
func (v *View) seePeer(ctx context.Context, z *zone, keys []tsig.Key) (took taken, err error) {
	var theirs Copy
	err = withKeys(keys, func(c *update.Client) (err error) {
		if theirs, err = copyOf(ctx, c, at(v.Peer), z.name, v.Last); err == nil && theirs.Record.Epoch > 0 {
			took, err = takenOf(ctx, c, at(v.Peer), z.name)
		}
		return err
	})
	var refused *update.RcodeError
	v.Alive = err == nil || errors.As(err, &refused) || errors.Is(err, pairs.ErrWriter)
	switch {
	case err == nil:
		v.Theirs, v.Sees = theirs, Answers
	case time.Since(z.seen) > silentAfter && z.missed+1 >= missesSilent: // a tick that took long is no silence
		v.Sees = Silent
	default:
		v.Sees = Quiet
	}
	return took, err
}

// seen counts a question that was not answered, and says why it was not.
func seen(missed int, err error) (int, string) {
	if err == nil {
		return 0, ""
	}
	return missed + 1, err.Error()
}

// copyOf asks a server for its copy of a zone: the serial first, so that the record is not older than it. A record that
// cannot come after the last one is pairs.ErrWriter.
func copyOf(ctx context.Context, c *update.Client, server netip.AddrPort, zone string, last pairs.Writer) (found Copy, err error) {
	if found.Serial, err = c.Serial(ctx, server, zone); err != nil {
		return Copy{}, err
	}
	w, err := c.Writer(ctx, server, zone)
	if w == nil {
		return found, err
	}
	if err := believable(*w, last); err != nil {
		return found, err
	}
	found.Record = *w
	return found, nil
}

// judgement is the arbiter's record of a zone.
func (d *Daemon) judgement(ctx context.Context, z *zone, keys []tsig.Key) (w pairs.Writer, err error) {
	err = withKeys(keys, func(c *update.Client) error {
		m, err := c.Query(ctx, at(d.settings.Arbiter), arbiterName(z.name), dns.TypeTXT)
		if err != nil {
			return err
		}
		if !m.Authoritative {
			return fmt.Errorf("%s does not have the zone %s", d.settings.Arbiter, pairs.ArbiterZone)
		}
		held, err := update.WriterIn(m)
		if held != nil {
			w = *held
		}
		return err
	})
	if err == nil {
		err = believable(w, z.view.Last)
	}
	if err != nil {
		return pairs.Writer{}, err
	}
	return w, nil
}

func arbiterName(zone string) string { return zone + "." + pairs.ArbiterZone }

// transferKeys are the keys that servers ask each other with, the one in use first.
func transferKeys(h *host.Host) ([]tsig.Key, error) {
	all, err := tsig.ServerKeys(h)
	if err != nil {
		return nil, err
	}
	active, err := tsig.ReadActive(h)
	if err != nil {
		return nil, err
	}
	keys := all[tsig.Transfer]
	current, ok := active.Current(keys)
	if !ok {
		return nil, fmt.Errorf("%s holds no key: %w", tsig.TransferPath, named.ErrNoKeys)
	}
	rest := slices.DeleteFunc(slices.Clone(keys), func(k tsig.Key) bool { return k == current })
	return append([]tsig.Key{current}, rest...), nil
}

// withKeys asks with one key after the other, until one is known to the server: in a rotation the two differ for a while.
func withKeys(keys []tsig.Key, ask func(*update.Client) error) (err error) {
	for _, k := range keys {
		err = ask(&update.Client{Key: k, Timeout: peerWait})
		var unknown *update.KeyError
		if !errors.As(err, &unknown) {
			return err
		}
	}
	return err
}

// sessionKey is the key that named makes at each start for programs on its own machine.
type sessionKey struct{ name, secret string }

func (k sessionKey) Name() string     { return k.name }
func (k sessionKey) Secret() string   { return k.secret }
func (k sessionKey) String() string   { return k.name }
func (k sessionKey) GoString() string { return k.name }

const sessionPath = "/run/named/session.key"

var sessionFormat = regexp.MustCompile(`^key "([a-z.-]+)" \{\s*algorithm hmac-sha256;\s*secret "([A-Za-z0-9+/=]+)";\s*\};\s*$`)

func readSessionKey(h *host.Host) (sessionKey, error) {
	data, err := h.ReadFile(sessionPath)
	if err != nil {
		return sessionKey{}, err
	}
	m := sessionFormat.FindSubmatch(data)
	if m == nil {
		return sessionKey{}, fmt.Errorf("%s is not a key as named writes it", sessionPath)
	}
	return sessionKey{string(m[1]), string(m[2])}, nil
}
