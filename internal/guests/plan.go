package guests

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Change is what must become different in the DNS: addresses that a name gets or loses, with their reverse names.
type Change struct {
	Add       bool
	UUID      string // the guest's, whose the name is
	Guest     string
	Name      string // in full
	Addresses []netip.Addr
	Confirm   bool // it was there the last time and is only made sure of
}

func (c Change) String() string {
	if c.Add {
		return fmt.Sprintf("register %s with %s", c.Name, Texts(c.Addresses))
	}
	return fmt.Sprintf("remove %s from %s", Texts(c.Addresses), c.Name)
}

// Refusal is a guest that gets no name, and why.
type Refusal struct{ Guest, Why string }

// Plan is what is to be done.
type Plan struct {
	Changes []Change // what goes comes first, so that an address can change hands
	Refused []Refusal
	Forget  []Entry // of guests that went to another host with their names
}

// How long what is known is relied on.
const (
	confirmEvery = 10 * time.Minute // what is registered is made sure of: another host, or a restored zone, may have removed it
	unseenFor    = time.Hour        // an address that only the neighbour table had is kept, since an idle guest is in no table
	mostOfAGuest = 16               // addresses: what a guest claims must not fill the zone
)

// Compare plans what brings the registry to what is seen: every guest that runs has its name below zone, no other has one.
func Compare(seen []Seen, r Registry, zone string, now time.Time) (p Plan) {
	named := p.names(seen, r, zone)
	for _, e := range r.Entries {
		_, runs := named[key{e.UUID, e.Name}]
		switch {
		case !runs && e.Moved:
			p.Forget = append(p.Forget, e)
		case !runs:
			p.change(false, e, e.all())
		}
	}
	var adds []Change
	for _, s := range seen {
		name, ok := nameOf(named, s)
		if !ok {
			continue
		}
		e := r.find(s.UUID, name)
		if e == nil {
			e = &Entry{UUID: s.UUID, Guest: s.Name, Name: name}
		}
		add, remove := differ(s, *e, now)
		p.change(false, *e, remove)
		adds = append(adds, add...)
	}
	p.Changes = append(p.Changes, adds...)
	return p
}

type key struct{ uuid, name string }

// names gives each guest its full name, if it may have one.
func (p *Plan) names(seen []Seen, r Registry, zone string) map[key]bool {
	named, taken := map[key]bool{}, map[string]string{}
	for _, s := range byClaim(seen, r) {
		label, err := Label(s.Name)
		if err != nil {
			p.Refused = append(p.Refused, Refusal{s.Name, err.Error()})
			continue
		}
		if other, is := taken[label]; is {
			p.Refused = append(p.Refused, Refusal{s.Name, fmt.Sprintf("the guest %q has the same name for the DNS", clip(other))})
			continue
		}
		taken[label] = s.Name
		named[key{s.UUID, label + "." + zone}] = true
	}
	return named
}

// byClaim puts guests first that have registered something already: nobody who starts later takes a name from them.
func byClaim(seen []Seen, r Registry) []Seen {
	has := func(s Seen) bool {
		return slices.ContainsFunc(r.Entries, func(e Entry) bool { return e.UUID == s.UUID })
	}
	seen = slices.Clone(seen)
	slices.SortStableFunc(seen, func(a, b Seen) int {
		switch {
		case has(a) && !has(b):
			return -1
		case has(b) && !has(a):
			return 1
		}
		return 0
	})
	return seen
}

func nameOf(named map[key]bool, s Seen) (string, bool) {
	for k := range named {
		if k.uuid == s.UUID {
			return k.name, true
		}
	}
	return "", false
}

func (p *Plan) change(add bool, e Entry, all []netip.Addr) {
	if len(all) > 0 {
		p.Changes = append(p.Changes, Change{Add: add, UUID: e.UUID, Guest: e.Guest, Name: e.Name, Addresses: all})
	}
}

// differ is what a guest that runs gets and loses.
func differ(s Seen, e Entry, now time.Time) (adds []Change, remove []netip.Addr) {
	var fresh, old []netip.Addr
	all := wanted(s, e, now)
	for _, a := range all {
		_, seen := s.Addresses[a]
		switch known := e.address(a); {
		case known == nil || known.Confirmed.IsZero() && (seen || known.Manual):
			fresh = append(fresh, a)
		case (seen || known.Manual) && now.Sub(known.Confirmed) >= confirmEvery:
			old = append(old, a)
		}
	}
	for i, some := range [][]netip.Addr{fresh, old} {
		if len(some) > 0 {
			adds = append(adds, Change{Add: true, UUID: s.UUID, Guest: s.Name, Name: e.Name, Addresses: some, Confirm: i > 0})
		}
	}
	for _, a := range e.Addresses {
		if !slices.Contains(all, a.Addr) {
			remove = append(remove, a.Addr)
		}
	}
	return adds, sortAddrs(remove)
}

// wanted are the addresses that a guest should have: what an operator gave, what is seen, the best known first, and what was
// seen and is not gone, the latest first. What is more than a guest may have is left out from the end.
func wanted(s Seen, e Entry, now time.Time) (all []netip.Addr) {
	var unseen []Address
	for _, a := range e.Addresses {
		if _, seen := s.Addresses[a.Addr]; a.Manual {
			all = append(all, a.Addr)
		} else if !seen && !gone(a, s, now) {
			unseen = append(unseen, a)
		}
	}
	seen := s.sorted()
	rank := func(a netip.Addr) int { // what is registered comes before what is not, or they would change each time
		rank := -2 * int(s.Addresses[a].Source)
		if e.address(a) != nil {
			rank--
		}
		return rank
	}
	slices.SortStableFunc(seen, func(a, b netip.Addr) int { return rank(a) - rank(b) })
	slices.SortStableFunc(unseen, func(a, b Address) int { return b.Confirmed.Compare(a.Confirmed) })
	for _, a := range unseen {
		seen = append(seen, a.Addr)
	}
	for _, a := range seen {
		if len(all) < mostOfAGuest && !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	return sortAddrs(all)
}

// gone reports whether an address that was registered is no longer the guest's. Not to be seen is not enough: there must be
// others of its family, told by the agent, or in the leases for the same interface of a guest without an agent, which may know
// more, or it was not seen for long. One that another guest claims too is kept until it is the other's for certain.
func gone(a Address, s Seen, now time.Time) bool {
	if _, seen := s.Addresses[a.Addr]; seen || a.Manual {
		return false
	}
	if certain, claimed := s.Claimed[a.Addr]; claimed {
		return certain
	}
	for other, sight := range s.Addresses {
		here := s.Told || sight.MAC == a.MAC && (sight.Source == Lease && !s.Agent || now.Sub(a.Confirmed) >= unseenFor)
		if here && other.Is4() == a.Addr.Is4() {
			return true
		}
	}
	return false
}

// Words are the refusals in one line each.
func (r Refusal) Words() string {
	return fmt.Sprintf("the guest %q gets no name: %s", clip(r.Guest), strings.TrimSpace(r.Why))
}
