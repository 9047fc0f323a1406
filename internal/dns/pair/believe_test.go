package pair

import (
	"strings"
	"testing"
	"time"

	"debvisor/internal/dns"
	"debvisor/internal/dns/named"
	"debvisor/internal/host/hosttest"
)

func TestARecordThatIsFarAheadIsNotBelieved(t *testing.T) {
	last := record{7, 0, 3}.out()
	for epoch, want := range map[uint32]bool{6: true, 8: true, 7 + forcedEpochs: true, 7 + maxJump: true, 8 + maxJump: false, dns.MaxEpoch: false} {
		next := last
		next.Epoch = epoch
		if err := believable(next, last); (err == nil) != want {
			t.Errorf("epoch %d after 7: %v", epoch, err)
		}
	}
	if err := believable(dns.Writer{Epoch: dns.MaxEpoch}, dns.Writer{}); err != nil {
		t.Errorf("a new server knows no history: %v", err)
	}
}

// broken is what a server sees whose zone has a record that cannot be believed.
func broken(i int) View {
	w := newWorld(true, 0)
	v := w.view(i)
	v.Last, v.Mine, v.Sees = v.Mine.Record, Copy{Serial: 10, Wrong: "it says nonsense"}, Silent
	v.Arbiter = Arbiter{Used: true, Known: true, Record: v.Last}
	return v
}

func TestWhoWroteWithoutABreakPutsItsRecordBack(t *testing.T) {
	v := broken(0)
	v.Held = true
	for _, sees := range []Sight{Silent, Answers} { // the peer may have what was there before for a moment longer
		if v.Sees, v.Theirs.Record = sees, v.Last; Decide(v).Write == nil || !Decide(v).Write.Equal(v.Last) {
			t.Errorf("decides %+v", Decide(v))
		}
	}
	if v.Theirs.Record = (record{3, 1, 2}).out(); Decide(v).Write != nil || Decide(v).Role != named.Secondary {
		t.Errorf("with a peer that went on it decides %+v", Decide(v))
	}
	v.Sees, v.Theirs = Silent, Copy{}
	if v.Held = false; Decide(v).Write != nil || Decide(v).Role != named.Primary {
		t.Errorf("who was not seen to be the writer decides %+v", Decide(v))
	}
}

func TestABrokenRecordIsLeftToThePeerOrAnOperator(t *testing.T) {
	v := broken(1)
	if a := Decide(v); a.Role != v.Role || a.Write != nil || a.Swap != nil {
		t.Errorf("decides %+v", a)
	}
	v.Sees, v.Theirs = Answers, Copy{Record: record{7, 0, 3}.out()}
	if a := Decide(v); a.Role != named.Secondary || a.Write != nil {
		t.Errorf("with a peer that knows better it decides %+v", a)
	}
	v = broken(0) // it went on alone, and its named was started since
	v.Role, v.Last = named.Secondary, record{7, 0, 1}.out()
	v.Sees, v.Theirs = Answers, Copy{Record: record{6, 0, 3}.out(), Serial: 11}
	if a := Decide(v); a.Role != v.Role || a.Write != nil || a.Swap != nil || strings.Contains(a.Why, "has a better") {
		t.Errorf("with a peer that knows less it decides %+v", a)
	}
	if v.outdated() || v.ahead() {
		t.Error("what the peer has from before is fetched")
	}
	v = broken(1)
	v.Promote = Forced
	a := Decide(v)
	if a.Swap == nil || a.Swap.Epoch < v.Last.Epoch+forcedEpochs || a.Swap.Epoch > v.Last.Epoch+2*forcedEpochs {
		t.Fatalf("an operator's force leads to %+v", a)
	}
	v.Arbiter.Record = *a.Swap
	if v.Role = named.Closed; Decide(v).Write == nil || !Decide(v).Write.Equal(*a.Swap) {
		t.Errorf("with the arbiter's word it decides %+v", Decide(v))
	}
}

// While the arbiter's record cannot be believed nobody goes on alone for it, and two that agree replace it.
func TestAnArbiterThatLiesGrantsNothing(t *testing.T) {
	w := newWorld(true, 0)
	v := w.view(0)
	v.Arbiter, v.Sees = Arbiter{Used: true, Wrong: "it says nonsense"}, Silent
	if a := Decide(v); a.Swap != nil || a.Write != nil || a.Role != named.Closed {
		t.Errorf("with a silent peer it decides %+v", a)
	}
	v.Sees, v.Theirs = Answers, v.Mine
	if a := Decide(v); a.Role != named.Primary || a.Swap == nil || !a.Swap.Equal(v.Mine.Record) {
		t.Errorf("with a peer that agrees it decides %+v", a)
	}
}

// A server that lost its disk is granted nothing by what the arbiter let it do before.
func TestANewDiskBeginsNoZoneThatTheArbiterKnows(t *testing.T) {
	for _, first := range []bool{true, false} {
		v := View{Self: addresses[0], Peer: addresses[1], First: first, Role: named.Secondary, Sees: Silent, Alive: true,
			Arbiter: Arbiter{Used: true, Known: true, Record: record{7, 0, 1}.out()}}
		if a := Decide(v); a.Role != named.Secondary || a.Write != nil || a.Swap != nil {
			t.Errorf("it decides %+v", a)
		}
		v.Last = record{7, 0, 1}.out()
		v = seenWith(v, record{6, 0, 3}) // from an old backup
		if v.Last.Epoch != 7 {
			t.Errorf("with an old backup it had %s last", v.Last)
		}
		if a := Decide(v); a.Role != named.Secondary || a.Write != nil || a.Swap != nil {
			t.Errorf("with an old backup it decides %+v", a)
		}
	}
}

// seenWith is what a server makes of a look that shows a record in its own zone.
func seenWith(v View, r record) View {
	z := &zone{view: v}
	z.derive(found{view: v, mine: Copy{Record: r.out(), Serial: 10}}, v.Role, time.Now())
	return z.view
}

// What a server had last is neither forgotten nor overwritten for what is older, and gives way to what is later.
func TestWhatAServerHadLastStaysKnown(t *testing.T) {
	m := hosttest.New(t, "-- var/lib/debvisor/dns/epoch-debvisor.local --\nepoch=7 writer=192.0.2.1 members=192.0.2.1\n")
	d := &Daemon{host: m.Host}
	for _, c := range []struct{ has, want record }{{record{6, 0, 3}, record{7, 0, 1}}, {record{7, 0, 1}, record{7, 0, 1}}, {record{8, 0, 3}, record{8, 0, 3}}} {
		last := lastOf(m.Host, "debvisor.local")
		z := &zone{name: "debvisor.local", kept: last}
		z.view = seenWith(View{Self: addresses[0], Peer: addresses[1], Last: last}, c.has)
		if err := d.remember(t.Context(), z); err != nil || !z.view.Last.Equal(c.want.out()) || !lastOf(m.Host, z.name).Equal(c.want.out()) {
			t.Errorf("with %s it had %s last, and keeps %s: %v", c.has.out(), z.view.Last, lastOf(m.Host, z.name), err)
		}
	}
}

// A server whose zone is from an old backup is granted nothing, and the arbiter is not asked in vain.
func TestAnOldBackupIsNotWhatGoesOn(t *testing.T) {
	w := newWorld(true, 0)
	for i := range 2 {
		v := w.view(i)
		v.Sees, v.Arbiter.Known, v.Arbiter.Record = Silent, true, v.Mine.Record
		v.Last = record{3, 0, 1}.out()
		if a := Decide(v); a.Swap != nil || a.Write != nil || a.Role == named.Primary {
			t.Errorf("server %d decides %+v", i, a)
		}
	}
}
