package pair

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	pairs "debvisor/internal/dns"
	"debvisor/internal/dns/named"
	"debvisor/internal/dns/update"
	"debvisor/internal/host"

	"github.com/miekg/dns"
)

// keepDir holds what this server wrote and the peer may lack: it is never thrown away before it was compared.
const keepDir = "/var/lib/debvisor/dns"

// ownPath is a copy of a zone as this server had it when it ceased to write.
func ownPath(zone string) string { return keepDir + "/own-" + zone + ".zone" }

func unconfirmedPath(zone string, epoch uint32) string {
	return fmt.Sprintf("%s/unconfirmed-%s-%d.zone", keepDir, zone, epoch)
}

// remember keeps that this server has a zone, and who wrote to it.
func (d *Daemon) remember(ctx context.Context, z *zone) error {
	now := z.view.Mine.Record
	if now.Epoch == 0 || now.Equal(z.kept) || Later(z.kept, now) {
		return nil
	}
	err := keep(ctx, d.host, pairs.SeenPath(z.name), now.String()+"\n")
	if err == nil {
		d.want([]*zone{z}, func(z *zone) { z.view.Had, z.kept = true, now })
	}
	return err
}

// lastOf is the record that a server had last. A file that says something else only says that there was a zone.
func lastOf(h *host.Host, zone string) pairs.Writer {
	data, err := h.ReadFile(pairs.SeenPath(zone))
	if err != nil {
		return pairs.Writer{}
	}
	w, err := pairs.ParseWriter(strings.TrimSpace(string(data)))
	if err != nil {
		return pairs.Writer{}
	}
	return w
}

// Unconfirmed are the files with records that this server accepted and the pair does not have; an operator looks at them and
// takes them away.
func Unconfirmed(h *host.Host) ([]string, error) { return h.Glob(keepDir + "/unconfirmed-*.zone") }

// Prepare is for the moment before named starts: it will be secondary of everything, whatever it was. What it wrote is kept
// aside, since named will fetch the peer's zones at once. A zone that cannot be read is none that keeps named from starting.
func Prepare(ctx context.Context, h *host.Host) (warnings []error, err error) {
	s, err := pairs.LoadServer(h)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	lock, err := named.Lock(ctx, h)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	roles := map[string]named.Role{}
	for _, z := range s.Zones {
		if !s.Peer.IsValid() || !h.Exists(named.ZoneFile(z.Name)) {
			continue
		}
		err := keepFile(ctx, h, s, z.Name)
		warnings = append(warnings, err)
		if errors.Is(err, errNotKept) { // named must not throw it away; nobody can write to it
			roles[z.Name] = named.Closed
		}
	}
	changes, err := named.PlanRoles(ctx, h, roles)
	if err != nil {
		return warnings, err
	}
	return warnings, h.Apply(ctx, changes)
}

// keepFile keeps a zone as its file and journal have it.
func keepFile(ctx context.Context, h *host.Host, s pairs.Server, zone string) error {
	text, err := h.Run(ctx, "named-checkzone", "-q", "-j", "-i", "none", "-k", "ignore", "-s", "full", "-o", "-", zone, named.ZoneFile(zone))
	if err != nil {
		return err
	}
	own, err := parseOwn(zone, string(text), lastOf(h, zone))
	if err != nil || own.record.Writer != s.Self && !own.wrong {
		return err
	}
	if err := keep(ctx, h, ownPath(zone), string(text)); err != nil {
		return fmt.Errorf("%w of %s: %w", errNotKept, zone, err)
	}
	return nil
}

var errNotKept = errors.New("what this server wrote is not kept")

func keep(ctx context.Context, h *host.Host, path, text string) error {
	changes, err := h.Need(host.Dir{Path: keepDir, Mode: 0o700}, host.File{Path: path, Content: text, Mode: 0o600})
	if err != nil {
		return err
	}
	return h.Apply(ctx, changes)
}

// contents are the records of a zone, without those that every server writes for itself.
type contents struct {
	record  pairs.Writer
	wrong   bool // the record cannot be believed, so anybody can have written the rest
	serial  uint32
	records map[string]string // by owner, type and data: the record as text
	order   []string
}

func (c *contents) take(rr dns.RR) error {
	owner := rr.Header().Name
	switch r := rr.(type) {
	case *dns.SOA:
		c.serial = r.Serial
	case *dns.TXT:
		if strings.HasPrefix(owner, pairs.WriterLabel+".") {
			var err error
			c.record, err = pairs.ParseWriter(strings.Join(r.Txt, ""))
			c.wrong = err != nil
			return nil
		}
		if strings.HasPrefix(owner, "from."+pairs.WriterLabel+".") {
			return nil
		}
		c.add(rr)
	default:
		c.add(rr)
	}
	return nil
}

func (c *contents) add(rr dns.RR) {
	same := dns.Copy(rr)
	same.Header().Ttl = 0
	key := same.String()
	if c.records == nil {
		c.records = map[string]string{}
	}
	c.records[key] = rr.String()
	c.order = append(c.order, key)
}

func parseZone(zone, text string) (c contents, err error) {
	p := dns.NewZoneParser(strings.NewReader(text), dns.Fqdn(zone), zone)
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		if err := c.take(rr); err != nil {
			return c, err
		}
	}
	return c, p.Err()
}

// parseOwn reads a zone of this server's own. One whose record cannot come after the last one is of no epoch that is known.
func parseOwn(zone, text string, last pairs.Writer) (contents, error) {
	own, err := parseZone(zone, text)
	if own.wrong || believable(own.record, last) != nil {
		own.record, own.wrong = pairs.Writer{}, true
	}
	return own, err
}

// keepOwn keeps a zone of which this server was the writer, before it fetches the peer's.
func (d *Daemon) keepOwn(ctx context.Context, z *zone, next named.Role) error {
	v := z.view
	if next != named.Secondary || v.Role == named.Secondary || v.Mine.Record.Writer != v.Self && v.Mine.Wrong == "" || !Later(v.Theirs.Record, v.Mine.Record) {
		return nil
	}
	own, err := d.transfer(ctx, z, v)
	if err != nil {
		return fmt.Errorf("keep %s as it is here: %w", z.name, err)
	}
	return keep(ctx, d.host, ownPath(z.name), own)
}

func (d *Daemon) transfer(ctx context.Context, z *zone, v View) (text string, err error) {
	keys, err := transferKeys(d.host)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = withKeys(keys, func(c *update.Client) error {
		c.Timeout = 5 * time.Second
		b.Reset()
		return c.Transfer(ctx, at(v.Self), z.name, func(r dns.RR) error {
			_, err := b.WriteString(r.String() + "\n")
			return err
		})
	})
	return b.String(), err
}

// settle compares what was kept with what the peer has, once both have the same record or the peer a later one. What only this
// server has, and did not have when the peer took over, is kept for the operator.
func (d *Daemon) settle(ctx context.Context, z *zone) error {
	v := z.view
	if v.Sees != Answers || !d.host.Exists(ownPath(z.name)) {
		return nil
	}
	data, err := d.host.ReadFile(ownPath(z.name))
	if err != nil {
		return err
	}
	own, err := parseOwn(z.name, string(data), v.Last)
	if err != nil || own.wrong && v.Theirs.Record.Epoch == 0 { // then there is nothing yet to compare it with
		return err
	}
	if !confirmed(own, v.Theirs.Record, z.took) {
		if err := d.keepLacking(ctx, z, own); err != nil {
			return err
		}
	}
	return d.host.Apply(ctx, []host.Change{host.Remove{Path: ownPath(z.name)}})
}

// confirmed reports whether the peer has all that a server had, or nothing that replaces it.
func confirmed(own contents, theirs pairs.Writer, took taken) bool {
	if own.wrong {
		return false
	}
	return !Later(theirs, own.record) || took.After == own.record.Epoch && update.Newer(took.Serial, own.serial)
}

func (d *Daemon) keepLacking(ctx context.Context, z *zone, own contents) error {
	keys, err := transferKeys(d.host)
	if err != nil {
		return err
	}
	var theirs contents
	err = withKeys(keys, func(c *update.Client) error {
		c.Timeout = 5 * time.Second
		theirs = contents{}
		return c.Transfer(ctx, at(d.settings.Peer), z.name, theirs.take)
	})
	if err != nil {
		return fmt.Errorf("compare %s with the peer's: %w", z.name, err)
	}
	var lacking []string
	for _, key := range own.order {
		if _, has := theirs.records[key]; !has {
			lacking = append(lacking, own.records[key])
		}
	}
	if len(lacking) == 0 {
		return nil
	}
	v := z.view
	file := unconfirmedPath(z.name, own.record.Epoch)
	header := fmt.Sprintf("; Records that this server accepted or had in epoch %d and that %s did not have when it took over,\n"+
		"; or that were removed there since. %s\n", own.record.Epoch, d.settings.Peer, worth(own.record, v.Theirs.Record))
	if err := keep(ctx, d.host, file, header+strings.Join(lacking, "\n")+"\n"); err != nil {
		return err
	}
	what := fmt.Sprintf("%s: %d records are not in the peer's zone: %s", z.name, len(lacking), path.Base(file))
	d.say("%s", what)
	return d.host.Apply(ctx, []host.Change{audit(what)})
}

// worth says whether records that one server alone has can have been acknowledged.
func worth(own, theirs pairs.Writer) string {
	if own.Epoch == 0 {
		return "Its record of who writes could not be believed: some may have been called done by debvisor dns update."
	}
	if theirs.Epoch-own.Epoch >= forcedEpochs {
		return "The other was promoted by force: some may have been called done by debvisor dns update."
	}
	return "None of them was called done by debvisor dns update."
}
