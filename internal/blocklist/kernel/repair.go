package kernel

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// fault is something about the structure of the table that is not as it must be.
type fault struct {
	text string
	// remove deletes what must not be there, or not so; nil where something is only missing.
	remove func(*nftables.Conn)
}

// faults are all that is wrong with the structure, what must be deleted first coming first: a set may refer to chains and
// objects.
func (s state) faults() []fault {
	if !s.exists {
		return []fault{{text: "there is no table"}}
	}
	var all []fault
	if s.flags != 0 {
		all = append(all, fault{text: fmt.Sprintf("the table has flags %#x", s.flags)})
	}
	all = append(all, s.wrongRules()...)
	all = append(all, s.wrongSets()...)
	all = append(all, s.wrongChains()...)
	all = append(all, s.wrongObjects()...)
	for _, name := range slices.Sorted(maps.Keys(s.flowtables)) {
		all = append(all, fault{"foreign flowtable " + name, func(c *nftables.Conn) {
			c.DelFlowtable(&nftables.Flowtable{Table: table, Name: name})
		}})
	}
	return all
}

func (s state) wrongSets() []fault {
	var all []fault
	for _, name := range slices.Sorted(maps.Keys(s.sets)) {
		if !isSet(name) && s.sets[name].flags&unix.NFT_SET_ANONYMOUS == 0 {
			all = append(all, fault{"foreign set " + name, func(c *nftables.Conn) { c.DelSet(&nftables.Set{Table: table, Name: name}) }})
		}
	}
	for _, ours := range sets {
		found, ok := s.sets[ours.name]
		switch {
		case !ok:
			all = append(all, fault{text: "no set " + ours.name})
		case !ours.fits(found):
			all = append(all, fault{ours.name + " is a set of another type", func(c *nftables.Conn) { c.DelSet(ours.declare(0)) }})
		}
	}
	return all
}

// fits says whether the set that was found is made as ours is.
func (s set) fits(found setState) bool {
	want := setState{keyType: 7, keyLength: uint32(s.width), size: found.size, count: found.count}
	if s.width == 16 {
		want.keyType = 8
	}
	if s.ranges {
		want.flags, want.size = unix.NFT_SET_INTERVAL, 0
	}
	return found == want && (s.ranges || found.size > 0)
}

var wantedChains = map[string]chainState{
	inputChain:   {kind: "filter", hook: unix.NF_INET_LOCAL_IN, priority: priorityBits, policy: 1},
	forwardChain: {kind: "filter", hook: unix.NF_INET_FORWARD, priority: priorityBits, policy: 1},
}

const priorityBits = 1<<32 + priority

func (s state) wrongChains() []fault {
	var all []fault
	for _, name := range slices.Sorted(maps.Keys(s.chains)) {
		remove := func(c *nftables.Conn) { c.DelChain(&nftables.Chain{Table: table, Name: name}) }
		switch want, ours := wantedChains[name]; {
		case !ours:
			all = append(all, fault{"foreign chain " + name, remove})
		case s.chains[name] != want:
			all = append(all, fault{"chain " + name + " is not what it must be", remove})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(wantedChains)) {
		if _, ok := s.chains[name]; !ok {
			all = append(all, fault{text: "no chain " + name})
		}
	}
	return all
}

func (s state) wrongObjects() []fault {
	var all []fault
	byName := func(a, b object) int { return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.kind, b.kind)) }
	for _, o := range slices.SortedFunc(maps.Keys(s.objects), byName) {
		if o.kind != unix.NFT_OBJECT_COUNTER || !slices.Contains(counters, o.name) {
			all = append(all, fault{"foreign object " + o.name, func(c *nftables.Conn) {
				c.DeleteObject(&nftables.NamedObj{Table: table, Name: o.name, Type: nftables.ObjType(o.kind)})
			}})
		}
	}
	for _, name := range counters {
		if !s.objects[object{name, unix.NFT_OBJECT_COUNTER}] {
			all = append(all, fault{text: "no counter " + name})
		}
	}
	return all
}

func (s state) wrongRules() []fault {
	var all []fault
	for name, want := range s.wantedRules {
		if got := s.rules[name]; !slices.Equal(got, want) {
			all = append(all, fault{text: fmt.Sprintf("chain %s has %d rules, not the %d that it must have", name, len(got), len(want))})
			if len(got) == len(want) {
				all[len(all)-1].text = fmt.Sprintf("chain %s has other rules", name)
			}
		}
	}
	slices.SortFunc(all, func(a, b fault) int { return cmp.Compare(a.text, b.text) })
	return all
}

// wantedRules is what the rules of each chain mean, taken from the messages that make them.
func wantedRules() (map[string][]string, error) {
	var b batch
	err := b.library(func(c *nftables.Conn) error {
		addRules(c)
		return nil
	})
	if err != nil {
		return nil, err
	}
	s := state{rules: map[string][]string{}}
	var o outcome
	err = o.take(b.bytes, nil, func(m message) error {
		s.takeRule(m.body)
		return nil
	})
	return s.rules, err
}

func addRules(c *nftables.Conn) {
	for _, r := range rules() {
		c.AddRule(r)
	}
}

// repair makes the structure what it must be, with room for so many hosts in sets that are made. Nothing is sent when
// nothing is wrong. Counters that are there keep counting.
func (s state) repair(c *nftables.Conn, room func(set) int) error {
	faults := s.faults()
	if len(faults) == 0 {
		return nil
	}
	if s.exists {
		c.FlushTable(table)
	}
	for _, f := range faults {
		if f.remove != nil {
			f.remove(c)
		}
	}
	c.AddTable(table)
	for _, name := range counters {
		if !s.objects[object{name, unix.NFT_OBJECT_COUNTER}] {
			c.AddObj(&nftables.CounterObj{Table: table, Name: name})
		}
	}
	for _, ours := range sets {
		if !s.usable(ours) {
			if err := c.AddSet(ours.declare(room(ours)), nil); err != nil {
				return err
			}
		}
	}
	c.AddChain(chain(inputChain))
	c.AddChain(chain(forwardChain))
	addRules(c)
	return nil
}

// usable says whether the set is there and made as it must be.
func (s state) usable(ours set) bool {
	found, ok := s.sets[ours.name]
	return ok && ours.fits(found)
}
