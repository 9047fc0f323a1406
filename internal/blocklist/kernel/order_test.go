package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"debvisor/internal/blocklist/addrset"

	"golang.org/x/sys/unix"
)

// model is what the four sets hold. A packet asks the hash set of its family, then the interval set.
type model [len(sets)]map[element]bool

func (m model) clone() model {
	var c model
	for i := range m {
		c[i] = map[element]bool{}
		for e := range m[i] {
			c[i][e] = true
		}
	}
	return c
}

// apply is what the kernel does with a transaction.
func (m model) apply(t *testing.T, b []byte) model {
	t.Helper()
	after := m.clone()
	for _, one := range messagesOf(t, b) {
		kind := one.typ & 0xff
		for i, s := range sets {
			name := text(attribute(one.body, unix.NFTA_SET_NAME)) // the same number as that of a list's set
			if one.typ>>8 != unix.NFNL_SUBSYS_NFTABLES || name != s.name {
				continue
			}
			list := attribute(one.body, unix.NFTA_SET_ELEM_LIST_ELEMENTS)
			if kind == unix.NFT_MSG_DELSET || kind == unix.NFT_MSG_DELSETELEM && list == nil {
				after[i] = map[element]bool{}
			}
			if list == nil {
				continue
			}
			if err := s.decode(message{body: one.body}, func(e element) {
				switch {
				case kind == unix.NFT_MSG_NEWSETELEM:
					after[i][e] = true
				case !after[i][e]:
					t.Fatalf("%s has no %v to remove", s.name, e)
				default:
					delete(after[i], e)
				}
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return after
}

// blocks says whether the set answers to an address.
func (m model) blocks(i int, a addrset.Addr6) bool {
	if !sets[i].ranges {
		return m[i][element{key: a}]
	}
	var nearest element
	found := false
	for e := range m[i] {
		if e.key.Compare(a) <= 0 && (!found || nearest.compare(e) < 0) {
			nearest, found = e, true
		}
	}
	return found && !nearest.end
}

// moment is a state of the sets between two changes that a packet can see, and how often packets were waited for until then.
type moment struct {
	model
	settled int
}

// moments are what a packet can see while the steps are done: hash sets change first in a transaction, then interval sets.
func moments(t *testing.T, from model, steps []step) []moment {
	t.Helper()
	all := []moment{{model: from}}
	settled := 0
	for _, s := range steps {
		if s.settled {
			settled++
			all = append(all, moment{all[len(all)-1].model, settled})
		}
		b := newBatch(0)
		if err := s.fill(b); err != nil {
			t.Fatal(err)
		}
		before := all[len(all)-1].model
		after := before.apply(t, b.bytes)
		half := before.clone()
		half[0], half[2] = after[0], after[2]
		all = append(all, moment{half, settled}, moment{after, settled})
	}
	return all
}

// check follows packets: each asks the hash set at a moment and the interval set at the same or a later one, but never
// across a time that was waited for.
func check(t *testing.T, all []moment, from, to addrset.Set, addresses []addrset.Addr6) {
	t.Helper()
	for family := 0; family < len(sets); family += 2 {
		for _, a := range addresses {
			before, after := holds(from, family, a), holds(to, family, a)
			for i := range all {
				for j := i; j < len(all) && all[j].settled == all[i].settled; j++ {
					blocked := all[i].blocks(family, a) || all[j].blocks(family+1, a)
					if blocked && !before && !after || !blocked && before && after {
						t.Fatalf("%v, which is blocked before: %v, after: %v, is blocked at %d/%d: %v; from %v to %v", a, before, after, i, j, blocked, from, to)
					}
				}
			}
		}
	}
}

func holds(list addrset.Set, family int, a addrset.Addr6) bool {
	for sp := range sets[family].whole(list) {
		if sp.first.Compare(a) <= 0 && a.Compare(sp.last) <= 0 {
			return true
		}
	}
	return false
}

// few are random ranges among 24 addresses, of which the last eight are the last there are.
func few(r *rand.Rand) (list addrset.Set, addresses []addrset.Addr6) {
	for i := range uint32(24) {
		a := i
		if i >= 16 {
			a = ^uint32(0) - (23 - i)
		}
		addresses = append(addresses, addrset.Addr6{Lo: uint64(a)})
		if r.IntN(2) == 0 {
			list = list.Union(addrset.Set{V4: []addrset.Range4{{First: a, Last: a}}})
		}
		if r.IntN(2) == 0 {
			list = list.Union(addrset.Set{V6: []addrset.Range6{{First: addrset.Addr6{Lo: uint64(a)}, Last: addrset.Addr6{Lo: uint64(a)}}}})
		}
	}
	return list, addresses
}

// loaded is the model of a table that holds a list.
func loaded(t *testing.T, list addrset.Set) model {
	t.Helper()
	b := newBatch(0)
	fillRanges(b, list)
	if err := fillHosts(b, state{}, list); err != nil {
		t.Fatal(err)
	}
	return model{}.clone().apply(t, b.bytes)
}

// ways are the ways from one list to another.
var ways = map[string]func(from, to addrset.Set) []step{
	"update":       updating,
	"hosts first":  func(_, to addrset.Set) []step { return (*Conn)(nil).hostsFirst(state{}, to) },
	"ranges first": func(_, to addrset.Set) []step { return rangesFirst(state{}, to) },
}

func TestNoPacketSeesAGap(t *testing.T) {
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			for range 300 {
				from, addresses := few(r)
				to, _ := few(r)
				all := moments(t, loaded(t, from), way(from, to))
				check(t, all, from, to, addresses)
				if got, want := fmt.Sprint(all[len(all)-1].model), fmt.Sprint(loaded(t, to)); got != want {
					t.Fatalf("the end is %s, not %s; from %v to %v", got, want, from, to)
				}
			}
		})
	}
}

// The model finds the gaps of what is simpler: all in one transaction, or without waiting.
func TestTheModelFindsGaps(t *testing.T) {
	list := func(first, last uint32) addrset.Set {
		return addrset.Set{V4: []addrset.Range4{{First: first, Last: last}}}
	}
	for name, c := range map[string]struct{ from, to addrset.Set }{
		"host to range": {list(5, 5), list(5, 6)},
		"range to host": {list(5, 6), list(5, 5)},
	} {
		t.Run(name, func(t *testing.T) {
			atOnce := []step{{fill: func(b *batch) error {
				fillRanges(b, c.to)
				return fillHosts(b, state{}, c.to)
			}}}
			if !leaks(moments(t, loaded(t, c.from), atOnce), 5) {
				t.Error("one transaction for all is found to be good")
			}
			steps := updating(c.from, c.to)
			for i := range steps {
				steps[i].settled = false
			}
			if got := leaks(moments(t, loaded(t, c.from), steps), 5); got != (name == "range to host") {
				t.Errorf("without waiting, there is a gap: %v", got)
			}
		})
	}
}

func leaks(all []moment, address uint64) bool {
	a := addrset.Addr6{Lo: address}
	for i := range all {
		for j := i; j < len(all) && all[i].settled == all[j].settled; j++ {
			if !all[i].blocks(0, a) && !all[j].blocks(1, a) {
				return true
			}
		}
	}
	return false
}
