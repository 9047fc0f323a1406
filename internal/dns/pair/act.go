package pair

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"strconv"
	"strings"
	"time"

	pairs "debvisor/internal/dns"
	"debvisor/internal/dns/named"
	"debvisor/internal/dns/update"
	"debvisor/internal/host"
	"debvisor/internal/names"

	"github.com/miekg/dns"
)

// jump is by how much taking over raises the serial, so that no serial means two things: who wrote before may have gone on
// for a while, but not for a million changes.
const jump = 1 << 20

// ttl of the records that say who writes: whoever caches them must not for long.
const ttl = 1

// become gives zones new roles: in the configuration first, then in named. Where that fails, the roles are as they were.
func (d *Daemon) become(ctx context.Context, new map[string]named.Role) error {
	new, kept := d.without(ctx, new)
	if len(new) == 0 {
		return kept
	}
	lock, err := named.Lock(ctx, d.host)
	if err != nil {
		return err
	}
	defer lock.Close()
	roles, err := named.Roles(d.host)
	if err != nil {
		return err
	}
	maps.Copy(roles, new)
	changes, err := named.PlanRoles(ctx, d.host, roles)
	if err != nil {
		return err
	}
	for zone, role := range new {
		changes = append(changes, audit(fmt.Sprintf("%s becomes %s", zone, role)))
	}
	if err := d.host.Apply(ctx, changes); err != nil {
		return err
	}
	return errors.Join(kept, d.forward(ctx, new))
}

// forward sees to it that no zone went back when it changed its type: named reads it again from its file and journal.
func (d *Daemon) forward(ctx context.Context, zones map[string]named.Role) error {
	for _, z := range d.zones {
		if zones[z.name] == "" || z.view.Mine.Record.Epoch == 0 {
			continue
		}
		serial, err := (&update.Client{}).Serial(ctx, at(d.settings.Self), z.name)
		if err != nil {
			return err
		}
		if !update.Newer(serial, z.view.Mine.Serial) {
			return fmt.Errorf("%s went back from serial %d to %d when it became %s", z.name, z.view.Mine.Serial, serial, zones[z.name])
		}
	}
	return nil
}

// swap has the arbiter replace what it was seen to hold. That it holds something else meanwhile is seen by the next look.
func (d *Daemon) swap(ctx context.Context, z *zone, next pairs.Writer, why string) error {
	name := arbiterName(z.name)
	old := update.None(name, dns.TypeTXT)
	was := "nothing"
	switch held := z.view.Arbiter; {
	case held.Wrong != "":
		old, was = update.Some(name, dns.TypeTXT), "what cannot be believed"
	case held.Record.Epoch > 0:
		old, was = update.Exactly(text(name, held.Record.String()))[0], held.Record.String()
	}
	keys, err := transferKeys(d.host)
	if err != nil {
		return err
	}
	err = withKeys(keys, func(c *update.Client) error {
		return c.Update(ctx, at(d.settings.Arbiter), pairs.ArbiterZone, []dns.RR{old},
			[]dns.RR{update.DeleteAll(name, dns.TypeTXT), text(name, next.String())})
	})
	if err != nil {
		return fmt.Errorf("%s: have the arbiter replace %q by %q: %w", z.name, was, next, err)
	}
	d.say("%s: the arbiter has %s: %s", z.name, next, why)
	return nil
}

// write writes the record of who writes. When the writer changes, serials are left out, and what was taken over is said.
func (d *Daemon) write(ctx context.Context, z *zone, next pairs.Writer, why string) error {
	c, err := d.session()
	if err != nil {
		return err
	}
	name := pairs.WriterLabel + "." + z.name
	old, w := update.None(name, dns.TypeTXT), z.view.Mine.Record
	switch {
	case z.view.Mine.Wrong != "":
		old, w = update.Some(name, dns.TypeTXT), z.view.Last
	case w.Epoch > 0:
		old = update.Exactly(text(name, w.String()))[0]
	}
	changes := []dns.RR{update.DeleteAll(name, dns.TypeTXT), text(name, next.String())}
	if z.view.leaps(next) {
		more, err := d.leap(ctx, c, z, next, w.Epoch)
		if err != nil {
			return err
		}
		changes = append(changes, more...)
	}
	if err := c.Update(ctx, at(d.settings.Self), z.name, []dns.RR{old}, changes); err != nil {
		return fmt.Errorf("%s: write %q: %w", z.name, next, err)
	}
	d.say("%s: %s: %s", z.name, next, why)
	if next.Equal(z.view.solo(next.Epoch)) {
		d.want([]*zone{z}, func(z *zone) { z.alone = time.Now() })
	}
	return d.host.Apply(ctx, []host.Change{audit(fmt.Sprintf("%s %s: %s", z.name, next, why))})
}

// leap are the changes of taking over: a serial far ahead, and from which one.
func (d *Daemon) leap(ctx context.Context, c *update.Client, z *zone, next pairs.Writer, epoch uint32) ([]dns.RR, error) {
	m, err := c.Query(ctx, at(d.settings.Self), z.name, dns.TypeSOA)
	if err != nil {
		return nil, err
	}
	for _, r := range m.Answer {
		if soa, ok := r.(*dns.SOA); ok {
			from := taken{Epoch: next.Epoch, After: epoch, Serial: soa.Serial}
			soa.Serial = z.view.beyond(soa.Serial, next.Epoch-epoch >= forcedEpochs)
			return []dns.RR{soa, update.DeleteAll(takenName(z.name), dns.TypeTXT), text(takenName(z.name), from.String())}, nil
		}
	}
	return nil, fmt.Errorf("%s has no SOA", z.name)
}

// leaps reports whether a record comes with a leap of the serial: this server takes over, is promoted by force, though from
// nothing, or cannot know what was written meanwhile. The first epoch does not, nor does a writer that only goes on.
func (v View) leaps(next pairs.Writer) bool {
	w := v.Mine.Record
	if next.Writer != v.Self || next.Epoch == 1 {
		return false
	}
	return v.Mine.Wrong != "" || next.Epoch-w.Epoch >= forcedEpochs || w.Epoch > 0 && w.Writer != next.Writer
}

// beyond is the serial after a leap from one. The peer's is left behind too, where it is known and ahead.
func (v View) beyond(serial uint32, forced bool) uint32 {
	if v.Theirs.Serial != 0 && update.Newer(v.Theirs.Serial, serial) {
		serial = v.Theirs.Serial
	}
	if forced {
		serial += jump // the other may have taken over from the same serial
	}
	return serial + jump
}

// session is a client with the key of this machine's named.
func (d *Daemon) session() (*update.Client, error) {
	k, err := readSessionKey(d.host)
	return &update.Client{Key: k}, err
}

func text(name, value string) dns.RR {
	return &dns.TXT{Hdr: dns.RR_Header{Name: dns.Fqdn(name), Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: ttl}, Txt: []string{value}}
}

// taken is what a server took over from, as it is kept in the zone below the record of who writes: up to this serial it has
// everything that the epoch before had.
type taken struct{ Epoch, After, Serial uint32 }

func (t taken) String() string {
	return fmt.Sprintf("epoch=%d after=%d serial=%d", t.Epoch, t.After, t.Serial)
}

func takenName(zone string) string { return "from." + pairs.WriterLabel + "." + zone }

func takenOf(ctx context.Context, c *update.Client, server netip.AddrPort, zone string) (t taken, err error) {
	m, err := c.Query(ctx, server, takenName(zone), dns.TypeTXT)
	if err != nil {
		return t, err
	}
	for _, r := range m.Answer {
		txt, ok := r.(*dns.TXT)
		if !ok {
			continue
		}
		said, err := parseTaken(strings.Join(txt.Txt, ""))
		if err == nil { // otherwise nothing is taken to be confirmed, and more is set aside than needs be
			t = said
		}
	}
	return t, nil
}

func parseTaken(text string) (t taken, err error) {
	fields := strings.Fields(text)
	if len(fields) != 3 {
		return t, fmt.Errorf("%q does not say what was taken over", text)
	}
	for i, into := range []*uint32{&t.Epoch, &t.After, &t.Serial} {
		_, number, _ := strings.Cut(fields[i], "=")
		n, err := strconv.ParseUint(number, 10, 32)
		if err != nil {
			return taken{}, fmt.Errorf("%q does not say what was taken over: %w", text, err)
		}
		*into = uint32(n)
	}
	return t, nil
}

// How long nothing may come of what the peer has. named waits for 5 s when its question for the serial was lost, as it is when
// the peer's named is killed at that moment, for an hour in a transfer, and meanwhile it begins no other. The first is looked
// for once; a transfer of a whole zone shows nothing before its end, so each later wait is twice as long as the one before.
const (
	hangs     = time.Second
	transfers = 5 * time.Second
)

// fetch has named ask the peer for a zone that it should have got by itself, and take it whatever the serial when the peer's
// record is later and its serial is not.
func (d *Daemon) fetch(ctx context.Context, z *zone) error {
	v := z.view
	later, ahead := v.outdated(), v.ahead()
	d.want([]*zone{z}, func(z *zone) { z.lags(time.Now()) })
	if z.behind.IsZero() || v.Sees != Answers {
		return nil
	}
	idle := min(time.Since(z.behind), time.Since(z.advanced))
	if z.hung(time.Now()) {
		d.say("%s: the transfer from the peer hangs and is begun anew", z.name)
		return d.become(ctx, map[string]named.Role{z.name: named.Closed}) // and then secondary again, as Decide says
	}
	if idle < 2*pollEvery || time.Since(z.refreshed) < time.Second {
		return nil
	}
	z.refreshed = time.Now()
	how := "refresh"
	if later && !ahead {
		how = "retransfer"
	}
	d.sayOnce(z, "%s: has serial %d and the peer has %d: rndc %s", z.name, v.Mine.Serial, v.Theirs.Serial, how)
	return d.host.Apply(ctx, []host.Change{host.Exec{Cmd: host.Cmd{Args: []string{"rndc", how, z.name}}}})
}

// ahead reports whether the peer has changes that this server is to fetch, whoever wrote them.
func (v View) ahead() bool {
	newer := v.Theirs.Serial != v.Mine.Serial && update.Newer(v.Theirs.Serial, v.Mine.Serial)
	return newer && !(v.Mine.Wrong != "" && Later(v.Last, v.Theirs.Record))
}

// lags keeps since when this server lacks changes. A peer that does not answer for a moment may still be sending them.
func (z *zone) lags(now time.Time) {
	switch v := z.view; {
	case v.Role != named.Secondary || v.Sees == Answers && !v.outdated() && !v.ahead():
		z.behind, z.patience = time.Time{}, hangs
	case v.Sees == Answers && z.behind.IsZero():
		z.behind = now
	}
}

// hung reports whether nothing has come for too long, and then begins to wait anew. Without a zone there is none to be closed.
func (z *zone) hung(now time.Time) bool {
	idle := min(now.Sub(z.behind), now.Sub(z.advanced))
	if idle <= z.patience || z.view.Mine.Record.Epoch == 0 {
		return false
	}
	z.patience, z.advanced = max(2*z.patience, transfers), now
	return true
}

const auditPath = names.AuditLog

// audit is a line in the machine's log of what was done.
func audit(what string) host.Change {
	line, err := json.Marshal(struct {
		Time   string `json:"time"`
		Action string `json:"action"`
		What   string `json:"what"`
	}{time.Now().UTC().Format(time.RFC3339), "dns pair", what})
	if err != nil { // three texts always are JSON
		panic(err)
	}
	return host.Append{Path: auditPath, Mode: 0o640, Line: string(line)}
}

var errNotRunning = errors.New("debvisor-dns-pair.service does not run: sudo systemctl start debvisor-dns-pair")
