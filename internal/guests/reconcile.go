package guests

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"debvisor/internal/host"
)

// Updater changes records. It gives an error for each change, nil for one that every name server has that must; a change
// that was made already is no error. It never takes a name over that somebody else owns.
type Updater interface {
	// What is somebody else's is ErrTaken.
	Update(ctx context.Context, changes []Change) []error
}

// ErrTaken is in the error of a change to a name, or a reverse name, that somebody else owns.
var ErrTaken = errors.New("it is somebody else's")

// Reconciler brings the DNS to what runs on this host.
type Reconciler struct {
	Host    *host.Host
	DNS     Updater
	Zone    string             // of guests
	Not     []netip.Addr       // addresses that are no guest's: the virtual one, the name servers'
	Log     func(words string) // each outcome that is news
	Now     func() time.Time
	refused map[string]bool // said already
	trouble map[string]bool // said the last time
}

// Outcome is what one look at the host came to.
type Outcome struct {
	Events  int  // notes of the hook
	Changed bool // something is otherwise than before
	Pending int  // changes that are not made yet
	Waiting int  // guests that run, may have a name and have no address yet
	Err     error
}

// Pass looks once: it takes the notes in, compares, and makes the changes. Whatever fails is in the registry and tried by
// the next pass. It waits for who else is in one.
func (r *Reconciler) Pass(ctx context.Context) (o Outcome) {
	lock, err := Lock(ctx, r.Host)
	if err != nil {
		return o.with(err)
	}
	defer lock.Close()
	registry, notes, err := r.takeNotes(ctx)
	o.Events = len(notes.Files)
	if err != nil {
		return o.with(err)
	}
	running, err := Running(ctx, r.Host)
	if err != nil {
		return o.with(err) // nobody knows what runs, so nothing is removed
	}
	return r.compare(ctx, &registry, running, o)
}

// compare registers what is known at once before it asks the agents, which may take its time.
func (r *Reconciler) compare(ctx context.Context, registry *Registry, running []Guest, o Outcome) Outcome {
	found := look(ctx, r.Host, running, r.Not, r.Now())
	asked := found.askable(registry, r.Now())
	if len(asked) > 0 {
		seen, _ := found.seen()
		done, _, err := r.carryOut(ctx, registry, Compare(seen, *registry, r.Zone, r.Now()), seen)
		if o.Changed = done > 0; err != nil {
			return o.with(err)
		}
		found.hear(agents(ctx, r.Host, asked), registry, r.Now())
	}
	seen, problems := found.seen()
	r.news(problems)
	plan := Compare(seen, *registry, r.Zone, r.Now())
	r.refuse(plan.Refused)
	for _, s := range seen {
		if _, err := Label(s.Name); err == nil && len(s.Addresses) == 0 {
			o.Waiting++
		}
	}
	done, pending, err := r.carryOut(ctx, registry, plan, seen)
	o.Pending, o.Changed = pending, o.Changed || done > 0
	return o.with(err)
}

// Withdraw removes everything that this host has registered.
func (r *Reconciler) Withdraw(ctx context.Context) error {
	lock, err := Lock(ctx, r.Host)
	if err != nil {
		return err
	}
	defer lock.Close()
	registry, err := LoadRegistry(r.Host)
	if err != nil {
		return err
	}
	_, pending, err := r.carryOut(ctx, &registry, Compare(nil, registry, r.Zone, r.Now()), nil)
	if err == nil && pending > 0 {
		err = fmt.Errorf("%d names could not be removed, first %s: %s", pending, registry.Entries[0].Name, registry.Entries[0].Error)
	}
	return err
}

func (o Outcome) with(err error) Outcome {
	o.Err = errors.Join(o.Err, err)
	return o
}

// takeNotes puts what matters of the notes into the registry before it removes them.
func (r *Reconciler) takeNotes(ctx context.Context) (Registry, Notes, error) {
	registry, err := LoadRegistry(r.Host)
	if err != nil {
		return registry, Notes{}, err
	}
	notes, err := ReadEvents(r.Host)
	if err != nil {
		return registry, notes, err
	}
	for _, e := range notes.Events {
		r.Log(fmt.Sprintf("the guest %q: %s %s", clip(e.Guest), e.Operation, clip(e.Reason)))
	}
	for _, wrong := range notes.Wrong {
		r.Log(wrong.Error())
	}
	registry.Note(notes.Events)
	if len(notes.Events) > 0 && len(registry.Entries) > 0 {
		if err := r.save(ctx, registry); err != nil {
			return registry, notes, err
		}
	}
	tidy, err := PlanTidy(r.Host, notes.Files, r.Now())
	if err == nil {
		err = r.Host.Apply(ctx, tidy)
	}
	return registry, notes, err
}

func (r *Reconciler) save(ctx context.Context, registry Registry) error {
	changes, err := registry.PlanSave(r.Host)
	if err != nil {
		return err
	}
	return r.Host.Apply(ctx, changes)
}

// carryOut makes the changes of a plan and returns how many made a difference, and how many are to be tried again soon.
func (r *Reconciler) carryOut(ctx context.Context, registry *Registry, p Plan, seen []Seen) (done, pending int, err error) {
	for _, e := range p.Forget {
		registry.forget(e.UUID, e.Name)
		r.Log(fmt.Sprintf("the guest %q runs on another host now, with the name %s", clip(e.Guest), e.Name))
	}
	for _, c := range p.Changes {
		e := registry.entry(c.UUID, c.Guest, c.Name)
		for _, a := range c.Addresses {
			e.intend(a)
		}
	}
	registry.see(seen)
	if err := r.save(ctx, *registry); err != nil || len(p.Changes) == 0 {
		return 0, len(p.Changes), err
	}
	var audit []host.Change
	for i, err := range r.DNS.Update(ctx, p.Changes) {
		switch c := p.Changes[i]; {
		case registry.record(c, err, r.Now(), r.Log) && !c.Confirm:
			audit = append(audit, auditLine(c, r.Now()))
		case err != nil && !errors.Is(err, ErrTaken):
			pending++
		}
	}
	return len(audit), pending, errors.Join(r.save(ctx, *registry), r.Host.Apply(ctx, audit))
}

// record notes how a change ended, and reports whether it is made.
func (r *Registry) record(c Change, err error, now time.Time, log func(string)) bool {
	e := r.entry(c.UUID, c.Guest, c.Name)
	if errors.Is(err, ErrTaken) && !c.Add {
		err = nil // nothing there is the guest's
	}
	if err != nil {
		if e.Error != err.Error() {
			e.Error, e.Since = err.Error(), now
			log(fmt.Sprintf("not yet done: %s: %v", c, err))
		}
		return false
	}
	e.Error, e.Since = "", time.Time{}
	if !c.Confirm {
		log("done: " + c.String())
	}
	if c.Add {
		for _, a := range c.Addresses {
			e.intend(a)
			e.address(a).Confirmed = now
		}
		return true
	}
	if e.drop(c.Addresses); len(e.Addresses) == 0 {
		r.forget(c.UUID, c.Name)
	}
	return true
}

// auditLine is the record of one change that was made.
func auditLine(c Change, now time.Time) host.Change {
	action := "guest remove"
	if c.Add {
		action = "guest register"
	}
	text, err := json.Marshal(map[string]any{"time": now.UTC().Format(time.RFC3339), "action": action, "guest": c.Guest, "uuid": c.UUID,
		"name": c.Name, "addresses": c.Addresses})
	if err != nil {
		text = []byte(`{"error":"the record of a guest"}`) // cannot be: it is texts only
	}
	return host.Append{Path: AuditPath, Line: string(text), Mode: 0o640}
}

// refuse says once why a guest gets no name.
func (r *Reconciler) refuse(all []Refusal) {
	now := map[string]bool{}
	for _, refusal := range all {
		words := refusal.Words()
		if now[words] = true; !r.refused[words] {
			r.Log(words)
		}
	}
	r.refused = now
}

// news says problems that were not there the last time.
func (r *Reconciler) news(problems []error) {
	now := map[string]bool{}
	for _, p := range problems {
		if now[p.Error()] = true; !r.trouble[p.Error()] {
			r.Log(p.Error())
		}
	}
	r.trouble = now
}

// Register puts addresses that an operator gave for a guest that runs here into the DNS; none means those that it is seen
// with. They stay until the guest stops.
func (r *Reconciler) Register(ctx context.Context, guest string, addrs []netip.Addr) ([]Change, error) {
	lock, err := Lock(ctx, r.Host)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	registry, err := LoadRegistry(r.Host)
	if err != nil {
		return nil, err
	}
	s, name, err := r.one(ctx, guest, &registry)
	if err != nil {
		return nil, err
	}
	var manual []Address
	for _, a := range addrs {
		if !Usable(a) || slices.Contains(r.Not, a) {
			return nil, fmt.Errorf("%s is no address of a guest", a)
		}
		manual = append(manual, Address{Addr: a, Manual: true})
	}
	e := registry.entry(s.UUID, s.Name, name)
	if len(manual) == 0 && len(s.Addresses) == 0 && len(e.Addresses) == 0 {
		return nil, fmt.Errorf("the guest %q has no address that this host can see", clip(guest))
	}
	e.drop(addrs)
	e.Addresses = append(e.Addresses, manual...)
	p := Compare([]Seen{s}, Registry{Entries: []Entry{*e}}, r.Zone, r.Now())
	_, _, err = r.carryOut(ctx, &registry, p, []Seen{s})
	if e := registry.find(s.UUID, name); err == nil && e != nil && e.Error != "" {
		err = fmt.Errorf("it is tried again until it is done: %s", e.Error)
	}
	return p.Changes, err
}

// ErrRefused is in the error of a guest that gets no name.
var ErrRefused = errors.New("it gets no name")

// one is a guest that runs, by its name, and the full name that it gets.
func (r *Reconciler) one(ctx context.Context, guest string, registry *Registry) (Seen, string, error) {
	if _, err := Label(guest); err != nil {
		return Seen{}, "", fmt.Errorf("%w: %w", ErrRefused, err)
	}
	running, err := Running(ctx, r.Host)
	if err != nil {
		return Seen{}, "", err
	}
	found := look(ctx, r.Host, running, r.Not, r.Now())
	found.hear(agents(ctx, r.Host, found.askable(registry, r.Now())), registry, r.Now())
	seen, problems := found.seen()
	r.news(problems)
	var p Plan
	named := p.names(seen, *registry, r.Zone)
	for _, s := range seen {
		if name, ok := nameOf(named, s); ok && s.Name == guest {
			return s, name, nil
		}
	}
	for _, refusal := range p.Refused {
		if refusal.Guest == guest {
			return Seen{}, "", fmt.Errorf("%w: %s", ErrRefused, refusal.Why)
		}
	}
	return Seen{}, "", fmt.Errorf("%w: no guest %q runs on this host", ErrRefused, guest)
}
