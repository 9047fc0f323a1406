package pair

import (
	"errors"
	"slices"
	"testing"

	"debvisor/internal/dns/named"
)

// Whatever is lost, cut or restarted in whatever order: what was acknowledged stays, and in the end both servers have it.
func TestNoScheduleLosesWhatWasAcknowledged(t *testing.T) {
	for _, arbiter := range []bool{true, false} {
		for seed := range uint64(30_000) {
			if err := schedule(seed, arbiter, &rules{decide: Decide}); err != nil {
				t.Fatalf("arbiter %v: %v", arbiter, err)
			}
		}
	}
}

// Every state that few faults lead to is looked at.
func TestNoStateLosesWhatWasAcknowledged(t *testing.T) {
	for _, arbiter := range []bool{true, false} {
		states, err := explore(newWorld(arbiter, 2), 100_000, &rules{decide: Decide})
		if err != nil {
			t.Fatalf("arbiter %v: %v", arbiter, err)
		}
		t.Logf("arbiter %v: %d states", arbiter, states)
	}
}

// explore looks at states in the order of how many steps lead to them.
func explore(begin world, limit int, r *rules) (int, error) {
	seen := map[world]bool{begin: true}
	for todo := []world{begin}; len(todo) > 0 && len(seen) < limit; todo = todo[1:] {
		for n := range stepCount {
			w := todo[0]
			if !w.step(n, r) || seen[w] {
				continue
			}
			seen[w] = true
			if err := errors.Join(w.wrong(), w.healed(r)); err != nil {
				return len(seen), err
			}
			todo = append(todo, w)
		}
	}
	return len(seen), nil
}

// The model is worth something only if it shows a rule that is missing.
func TestTheModelShowsEachRuleThatIsMissing(t *testing.T) {
	ungranted := func(v View) Action {
		if a := Decide(v); a.Swap == nil || a.Role == named.Secondary && v.Sees != Silent {
			return a
		}
		v.Arbiter = Arbiter{Used: true, Known: true, Record: v.solo(v.Mine.Record.Epoch + 1)}
		return Decide(v)
	}
	outsider := func(v View) Action {
		if mine := v.Mine.Record; mine.Writer == v.Peer && !mine.Has(v.Self) {
			v.Mine.Record.Members = append(slices.Clone(mine.Members), v.Self)
			if v.Arbiter.Record.Equal(mine) {
				v.Arbiter.Record = v.Mine.Record
			}
		}
		return Decide(v)
	}
	trusting := func(v View) Action {
		if v.Arbiter.Known && v.Arbiter.Record.Writer != v.Self {
			v.Arbiter.Record = v.Mine.Record
		}
		return Decide(v)
	}
	hasty := func(v View) Action { // hands over before the peer has everything
		if v.Leave && v.Role == named.Closed {
			v.Theirs = v.Mine
		}
		return Decide(v)
	}
	for name, r := range map[string]rules{
		"one goes on without a grant":               {decide: ungranted},
		"the arbiter does not compare":              {decide: trusting, noCompare: true},
		"who lacks changes takes over":              {decide: outsider},
		"handing over does not wait":                {decide: hasty},
		"a client believes the writer":              {decide: Decide, writerOnly: true},
		"a client looks at the epoch first":         {decide: Decide, epochFirst: true},
		"taking over goes on with the same serials": {decide: Decide, sameLineage: true},
	} {
		if !fails(&r) {
			t.Errorf("%s, and no schedule shows it", name)
		}
	}
}

func fails(r *rules) bool {
	const from = 1_200_000 // the rarest is shown after 36,382 schedules from here, and after far more from the first
	for seed := range uint64(300_000) {
		if schedule(from+seed, true, r) != nil {
			return true
		}
	}
	return false
}
