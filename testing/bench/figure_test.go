package main

import (
	"math"
	"os"
	"strings"
	"testing"
)

func TestEveryFigureHasAFileOfItsOwn(t *testing.T) {
	files := map[string]string{}
	for _, m := range measurements() {
		for _, f := range m.figures {
			if other, taken := files[f.file("")]; taken {
				t.Errorf("%q and %q are both kept in %s", f.Name, other, f.file(""))
			}
			files[f.file("")] = f.Name
		}
	}
	if len(files) < 15 {
		t.Errorf("only %d figures", len(files))
	}
}

func TestAFigureIsTheRatioOfMedians(t *testing.T) {
	f := Figure{Name: "x", Unit: seconds, Goal: ratio(0.3)}
	f.set([]float64{9, 1, 2}, []float64{4, 16})
	if f.Ours != 2 || *f.Peer != 10 || *f.Ratio != 0.2 || f.Runs != 3 || f.PeerRuns != 2 || f.missed() {
		t.Errorf("got %+v", f)
	}
	for _, c := range []struct {
		goal   *Goal
		ours   float64
		peer   []float64
		missed bool
	}{
		{nil, 5, []float64{1}, false},
		{ratio(2), 2, []float64{1}, false},
		{ratio(2), 2.1, []float64{1}, true},
		{ratio(2), 2, []float64{0}, true}, // of nothing there is no ratio
		{absolute(0), 0, nil, false},
		{absolute(0), 0.01, []float64{100}, true},
	} {
		f := Figure{Goal: c.goal}
		f.set([]float64{c.ours}, c.peer)
		if f.missed() != c.missed {
			t.Errorf("%v of %v, goal %+v: missed is %t", c.ours, c.peer, c.goal, f.missed())
		}
	}
}

func TestAStoredFigureIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	f := Figure{Name: "a figure, with 2 words", Unit: seconds, Goal: absolute(3)}
	f.set([]float64{1.5}, []float64{3})
	if err := f.store(dir); err != nil {
		t.Fatal(err)
	}
	got := Figure{Name: f.Name}.read(dir)
	if got.Ours != 1.5 || *got.Ratio != 0.5 || *got.Goal != *f.Goal || got.Error != "" {
		t.Errorf("got %+v", got)
	}
	if err := os.Remove(dir + "/a-figure-with-2-words.json"); err != nil {
		t.Fatal(err)
	}
	if missing := f.read(dir); missing.Error == "" {
		t.Error("a figure that was not stored is no error")
	}
}

func TestTheTableShowsWhatIsMissingAndMissed(t *testing.T) {
	var b strings.Builder
	missed := Figure{Name: "slow", Unit: seconds, Goal: ratio(0.5), Against: "a tool"}
	missed.set([]float64{1, 1}, []float64{math.Pi})
	missed.Goal.Most = 0.1
	figures := []Figure{missed, {Name: "none", Unit: seconds, Error: "no tool"}}
	if err := printTable(&b, figures); err != nil {
		t.Fatal(err)
	}
	want := `figure  ours  peer  ratio  goal                unit  runs       peer is
slow    1     3.14  0.318  ratio ≤ 0.1 missed  s     2, peer 1  a tool
none    -     -     -      -                   s     -          not measured
not measured: none: no tool
`
	if b.String() != want {
		t.Errorf("got\n%s", b.String())
	}
	if err := complaint(figures); err == nil || err.Error() != "1 of 2 figures could not be measured" {
		t.Errorf("said %v", err)
	}
}
