package pair

import (
	"slices"
	"strings"
	"testing"
	"time"

	"debvisor/internal/dns"
	"debvisor/internal/host/hosttest"
)

func TestTwoMissesAreAFaultAndFiveAnswersEndIt(t *testing.T) {
	var got strings.Builder
	var s health
	for _, answer := range "yyyyyyynynnnyyyyyy" {
		s.count(answer == 'y')
		got.WriteByte(map[bool]byte{true: '+', false: '.'}[s.good])
	}
	// A single miss is none; after a fault it takes five answers in a row.
	if want := "....++++++......++"; got.String() != want {
		t.Errorf("got  %s\nwant %s", got.String(), want)
	}
}

func TestWhatWasTakenOverIsReadAsItIsWritten(t *testing.T) {
	want := taken{Epoch: 8, After: 7, Serial: 4_000_000_000}
	if got, err := parseTaken(want.String()); got != want || err != nil {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, wrong := range []string{"", "epoch=8 after=7", "epoch=8 after=7 serial=x", "epoch=8 after=7 serial=4294967296", "a b c d"} {
		if got, err := parseTaken(wrong); err == nil {
			t.Errorf("%q is read as %+v", wrong, got)
		}
	}
}

func FuzzParseTaken(f *testing.F) {
	f.Add("epoch=8 after=7 serial=100")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseTaken(text)
		if again, againErr := parseTaken(got.String()); err == nil && (again != got || againErr != nil) {
			t.Errorf("%q is %+v, and then %+v", text, got, again)
		}
	})
}

const zoneText = `debvisor.local. 300 IN SOA ns1.debvisor.local. a.debvisor.local. 77 60 15 1209600 30
debvisor.local. 300 IN NS ns1.debvisor.local.
_writer.debvisor.local. 1 IN TXT "epoch=7 writer=192.0.2.1 members=192.0.2.1,192.0.2.2"
from._writer.debvisor.local. 1 IN TXT "epoch=7 after=6 serial=70"
web.debvisor.local. 300 IN A 192.0.2.20
`

func TestAKeptZoneIsItsRecordsWithoutWhatServersWrite(t *testing.T) {
	c, err := parseZone("debvisor.local", zoneText)
	if err != nil || c.serial != 77 || c.record.Epoch != 7 || len(c.order) != 2 {
		t.Errorf("got %+v, %v", c, err)
	}
}

// What was kept with a record that nobody can believe is neither taken to be confirmed nor called worthless.
func TestAZoneWithABrokenRecordIsKeptAndMayHaveBeenDone(t *testing.T) {
	last, theirs := record{7, 0, 3}.out(), record{8, 1, 2}.out()
	for text, wrong := range map[string]bool{"epoch=7 ": false, "epoch=9000000 ": true, "nonsense ": true} {
		own, err := parseOwn("debvisor.local", strings.Replace(zoneText, "epoch=7 ", text, 1), last)
		if err != nil || own.wrong != wrong || own.wrong && own.record.Epoch != 0 {
			t.Errorf("%q: %+v, %v", text, own, err)
		}
		if confirmed(own, theirs, taken{}) || confirmed(own, theirs, taken{Epoch: 8, After: 7, Serial: 77}) == wrong {
			t.Errorf("%q: what is confirmed is wrong", text)
		}
		if may := strings.Contains(worth(own.record, theirs), "may have been"); may != wrong {
			t.Errorf("%q: %s", text, worth(own.record, theirs))
		}
	}
}

// A transfer that is slow is begun anew once soon, and then more and more seldom, whether or not one answer is lost.
func TestASlowTransferIsGivenTheTimeThatItNeeds(t *testing.T) {
	start := time.Now()
	z := &zone{patience: hangs, advanced: start.Add(-time.Hour), view: View{Role: "secondary", Sees: Answers}}
	z.view.Mine, z.view.Theirs = Copy{Record: record{7, 1, 3}.out(), Serial: 5}, Copy{Record: record{7, 1, 3}.out(), Serial: 9}
	var at []time.Duration
	for passed := time.Duration(0); passed < 45*time.Second; passed += pollEvery {
		z.view.Sees = Answers
		if passed%(3*time.Second) == 0 && passed > 0 {
			z.view.Sees = Quiet
		}
		if z.lags(start.Add(passed)); z.hung(start.Add(passed)) {
			at = append(at, passed)
		}
	}
	want := []time.Duration{hangs + pollEvery, hangs + transfers + 2*pollEvery, hangs + 3*transfers + 3*pollEvery, hangs + 7*transfers + 4*pollEvery}
	if !slices.Equal(at, want) {
		t.Errorf("begun anew after %v, want %v", at, want)
	}
	z.view.Sees, z.view.Mine.Serial = Answers, 9
	if z.lags(start); !z.behind.IsZero() || z.patience != hangs {
		t.Errorf("who has everything lacks something since %v, for %s", z.behind, z.patience)
	}
}

func FuzzParseZone(f *testing.F) {
	f.Add(zoneText)
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := parseZone("debvisor.local", text); err == nil && len(c.records) > len(c.order) {
			t.Errorf("%d records have %d places", len(c.records), len(c.order))
		}
	})
}

func TestTheSessionKeyIsReadAndNotPrinted(t *testing.T) {
	m := hosttest.New(t, "-- run/named/session.key --\nkey \"local-ddns\" {\n\talgorithm hmac-sha256;\n\tsecret \"c2VjcmV0\";\n};\n")
	k, err := readSessionKey(m.Host)
	if err != nil || k.Name() != "local-ddns" || k.Secret() != "c2VjcmV0" || strings.Contains(k.String()+k.GoString(), "c2V") {
		t.Errorf("got %s, %v", k, err)
	}
	m = hosttest.New(t, "-- run/named/session.key --\nkey \"x\" { secret \"c2VjcmV0\"; };\n")
	if _, err := readSessionKey(m.Host); err == nil || strings.Contains(err.Error(), "c2V") {
		t.Errorf("got %v", err)
	}
}

// An operator's promotion asks for force where something may be lost.
func TestAPromotionIsRefusedWhereThePeerMayHaveMore(t *testing.T) {
	w := newWorld(true, 0)
	well := w.view(1)
	well.Sees, well.Arbiter.Known, well.Arbiter.Record = Silent, true, well.Mine.Record
	if why := well.Refusal(); why != "" {
		t.Errorf("refused: %s", why)
	}
	for name, change := range map[string]func(*View){
		"the peer answers":           func(v *View) { v.Sees = Answers },
		"the peer was seen to go on": func(v *View) { v.Theirs.Record = record{3, 0, 1}.out() },
		"not a member":               func(v *View) { v.Mine.Record = record{3, 0, 1}.out() },
		"the arbiter is silent":      func(v *View) { v.Arbiter.Known = false },
		"the arbiter let it go on":   func(v *View) { v.Arbiter.Record = record{3, 0, 1}.out() },
	} {
		v := well
		change(&v)
		if v.Refusal() == "" {
			t.Errorf("%s: not refused", name)
		}
		v.Promote = Forced
		if a := Decide(v); a.Swap == nil && a.Write == nil && a.Role == v.Role {
			t.Errorf("%s: force does nothing: %+v", name, a)
		}
	}
}

func TestARefusalSaysWhatTheArbiterKnows(t *testing.T) {
	w := newWorld(true, 0)
	v := w.view(1)
	v.Sees, v.Arbiter.Known = Silent, true
	if why := v.Refusal(); !strings.Contains(why, "does not know of this epoch") {
		t.Errorf("of an empty arbiter it says %q", why)
	}
}

func TestWhatIsOfNoZoneIsLoggedOnce(t *testing.T) {
	var log strings.Builder
	d, z := &Daemon{log: &log}, &zone{}
	for range 3 {
		d.sayOnce(nil, "a lock")
		d.sayOnce(z, "a zone")
	}
	if log.String() != "a lock\na zone\n" {
		t.Errorf("logged %q", log.String())
	}
}

func TestBirthWaitsForEverybodyWhoCouldKnowBetter(t *testing.T) {
	well := View{Self: addresses[0], Peer: addresses[1], First: true, Alive: true, Role: "closed", Arbiter: Arbiter{Used: true, Known: true}}
	if a := Decide(well); a.Write == nil || a.Write.Epoch != 1 {
		t.Errorf("does not begin: %+v", a)
	}
	for name, change := range map[string]func(*View){
		"the other one begins":          func(v *View) { v.First = false },
		"the peer is silent":            func(v *View) { v.Alive = false },
		"the arbiter is silent":         func(v *View) { v.Arbiter.Known = false },
		"the arbiter knows of a writer": func(v *View) { v.Arbiter.Record = dns.Writer{Epoch: 5, Writer: addresses[1]} },
	} {
		v := well
		if change(&v); Decide(v).Write != nil {
			t.Errorf("%s, and the zone begins", name)
		}
	}
}

// Who is promoted leaves serials out, also where its zone was empty or its record broken; a zone that begins does not.
func TestSerialsAreLeftOutWheneverAnotherLineageMayExist(t *testing.T) {
	both := record{7, 0, 3}.out()
	for _, c := range []struct {
		name string
		view View
		next record
		want bool
	}{
		{"birth", View{}, record{1, 0, 1}, false},
		{"it goes on alone", View{Mine: Copy{Record: both}}, record{8, 0, 1}, false},
		{"it hands over", View{Mine: Copy{Record: both}}, record{8, 1, 3}, false},
		{"it takes over", View{Mine: Copy{Record: record{7, 1, 3}.out()}}, record{8, 0, 1}, true},
		{"by force", View{Mine: Copy{Record: both}}, record{1007, 0, 1}, true},
		{"by force from nothing", View{}, record{1000, 0, 1}, true},
		{"what was there is put back", View{Mine: Copy{Wrong: "nonsense"}, Last: both}, record{7, 0, 3}, true},
	} {
		if c.view.Self = addresses[0]; c.view.leaps(c.next.out()) != c.want {
			t.Errorf("%s: leaves serials out: %v", c.name, !c.want)
		}
	}
	v := View{Theirs: Copy{Serial: 500}}
	if near, far := v.beyond(1, false), v.beyond(600, true); near != 500+jump || far != 600+2*jump {
		t.Errorf("the serials are %d and %d", near, far)
	}
}

// What an operator promotes writes soon, and is promoted once.
func TestAPromotionEndsInAWriter(t *testing.T) {
	for _, arbiter := range []bool{true, false} {
		w := newWorld(arbiter, 9)
		w.servers[0].up = false
		for range 3 {
			w.serverStep(1, poll, nil)
		}
		w.servers[1].heard = false // for who hears the arbiter needs no operator
		w.serverStep(1, promotion, nil)
		for range 8 {
			for _, n := range []int{poll, ask, decide} {
				w.serverStep(1, n, &rules{decide: Decide})
			}
		}
		s := w.servers[1]
		if s.role != 2 || s.disk.record != (record{2 + forcedEpochs, 1, 2}) {
			t.Errorf("arbiter %v: it is %s in %+v", arbiter, roles[s.role], s.disk.record)
		}
	}
}
