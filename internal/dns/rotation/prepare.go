package rotation

import (
	"context"
	"fmt"
	"slices"
	"time"

	"debvisor/internal/host"
	"debvisor/internal/tsig"
)

// Request is what a rotation begins with.
type Request struct {
	Claim
	Servers  []Facts       // of all servers
	Clients  []Facts       // of all clients
	Interval time.Duration // how old the generation in use may become
	Force    bool          // a new generation in any case, unless one is under way
}

// Prepared is what all further steps are about.
type Prepared struct {
	Serial   uint32     // the generation that is, or comes to be, in use
	Rotating bool       // something is under way; otherwise the generation in use stays
	Why      string     // in words
	Keys     []tsig.Key // of that generation, one a role
}

// Prepare plans, on the first server, the next generation of every role where one is due and none is under way, and takes the
// lease. From the moment its changes are made this server accepts the new keys too.
func (m Machine) Prepare(ctx context.Context, r Request) (Prepared, []host.Change, error) {
	own, err := tsig.ServerKeys(m.Host)
	if err != nil {
		return Prepared{}, nil, err
	}
	active, err := tsig.ReadActive(m.Host)
	if err != nil {
		return Prepared{}, nil, err
	}
	begun, err := m.lease()
	if err != nil {
		return Prepared{}, nil, err
	}
	here := ring{possible(own, m.Now), active, begun.Serial}
	p, err := r.decide(here, m.Now)
	if err != nil || !p.Rotating {
		p.Keys = here.of(p.Serial)
		return p, nil, err
	}
	lease, err := m.take(r.Claim, p.Serial)
	if err != nil {
		return p, nil, err
	}
	for _, role := range tsig.Roles {
		k, ok := here.find(role, p.Serial)
		if !ok {
			k = tsig.New(role, p.Serial)
		}
		p.Keys = append(p.Keys, k)
	}
	accept, err := m.add(ctx, p.Keys, used(r.Clients))
	return p, slices.Concat(lease, m.recorded("prepare", r.Claim, p.Serial, accept)), err
}

// possible leaves generations out that nobody can have made yet.
func possible(keys map[tsig.Role][]tsig.Key, now time.Time) map[tsig.Role][]tsig.Key {
	all := map[tsig.Role][]tsig.Key{}
	for role := range keys {
		all[role] = slices.DeleteFunc(slices.Clone(keys[role]), func(k tsig.Key) bool { return !tsig.Possible(k.Serial, now) })
	}
	return all
}

// ring are the keys of a server, which generation is in use, and which one was begun last.
type ring struct {
	keys   map[tsig.Role][]tsig.Key
	active tsig.Active
	begun  uint32
}

func (r ring) find(role tsig.Role, serial uint32) (tsig.Key, bool) {
	i := slices.IndexFunc(r.keys[role], func(k tsig.Key) bool { return k.Serial == serial })
	if i < 0 {
		return tsig.Key{}, false
	}
	return r.keys[role][i], true
}

func (r ring) of(serial uint32) (all []tsig.Key) {
	for _, role := range tsig.Roles {
		if k, ok := r.find(role, serial); ok {
			all = append(all, k)
		}
	}
	return all
}

// newest is the highest generation of any role.
func (r ring) newest() (serial uint32) {
	for _, all := range r.keys {
		for _, k := range all {
			serial = max(serial, k.Serial)
		}
	}
	return serial
}

// unfinished reports whether a rotation is under way: it has the lease, or a generation is left of before.
func (r ring) unfinished() bool {
	if n := r.newest(); n > 0 && n == r.begun && len(r.of(n)) == len(tsig.Roles) {
		return true
	}
	for _, all := range r.keys {
		if len(all) > 1 {
			return true
		}
	}
	return false
}

// decide is what to do, from what there is on the first server and elsewhere.
func (r Request) decide(own ring, now time.Time) (Prepared, error) {
	newest := own.newest()
	clash := r.clashes(own, newest)
	why := r.due(own, now)
	switch {
	case own.unfinished() && !clash:
		return Prepared{Serial: newest, Rotating: true, Why: "the rotation that is under way goes on"}, nil
	case why == "" && !clash:
		return Prepared{Serial: newest, Why: "the keys in use are not due"}, nil
	case why == "":
		why = "a server has another key of the same name"
	}
	serial, err := r.next(now, newest)
	return Prepared{Serial: serial, Rotating: true, Why: why}, err
}

// due is why a new generation is needed, or "".
func (r Request) due(own ring, now time.Time) string {
	keys := own.of(own.newest())
	switch {
	case r.Force:
		return "a new generation was asked for"
	case len(keys) < len(tsig.Roles):
		return "the roles do not have the same generation"
	case own.active.Serial == 0:
		return "the keys are those of the installation"
	case now.Sub(own.active.Since) > r.Interval:
		return fmt.Sprintf("the keys are in use since %s", own.active.Since.Format(time.DateOnly))
	}
	for _, k := range keys {
		if slices.ContainsFunc(r.Servers, func(f Facts) bool { return !f.has(k.Role, keyOf(k)) }) {
			return fmt.Sprintf("not every server has %s", k)
		}
	}
	return ""
}

// clashes reports whether a server has other keys of the generation's names: that generation can come into use nowhere.
func (r Request) clashes(own ring, serial uint32) bool {
	for _, k := range own.of(serial) {
		if slices.ContainsFunc(r.Servers, func(f Facts) bool { return f.hasOther(k.Role, keyOf(k)) }) {
			return true
		}
	}
	return false
}

// next is a generation that no machine has anything of: a name never means two keys.
func (r Request) next(now time.Time, newest uint32) (uint32, error) {
	for _, f := range slices.Concat(r.Servers, r.Clients) {
		for _, k := range f.all() {
			if serial := serialOf(k.Name); tsig.Possible(serial, now) {
				newest = max(newest, serial)
			}
		}
	}
	return tsig.NextSerial(newest, now)
}

func (f Facts) all() (all []Key) {
	for _, keys := range f.Server {
		all = append(all, keys...)
	}
	for _, k := range f.Client {
		all = append(all, k)
	}
	return all
}

// serialOf is the generation in a name, 0 in what is none.
func serialOf(name string) (serial uint32) {
	k, err := tsig.Of(name, tsig.Key{}.Secret())
	if err != nil {
		return 0
	}
	return k.Serial
}

// used are the keys that clients sign with.
func used(clients []Facts) (all []Key) {
	for _, f := range clients {
		for _, k := range f.Client {
			all = append(all, k)
		}
	}
	return all
}
