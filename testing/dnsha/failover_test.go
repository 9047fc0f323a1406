package dnsha

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// event is what befalls the node that has the virtual address, and how it is undone.
type event struct {
	name       string
	goal       time.Duration // the most that a client should see of it
	begin, end func(*testing.T, *fleet, int)
}

func power(what string, goal time.Duration) event {
	return event{what, goal,
		func(t *testing.T, f *fleet, n int) { must(t, f.Node(n).Kill(t.Context())) },
		func(t *testing.T, f *fleet, n int) { must(t, f.Node(n).Boot(t.Context())) }}
}

func shell(what string, goal time.Duration, begin, end string) event {
	return event{what, goal,
		func(t *testing.T, f *fleet, n int) { f.on(t, n, begin) },
		func(t *testing.T, f *fleet, n int) { f.on(t, n, end) }}
}

var events = []event{
	shell("planned hand-over", 50*time.Millisecond, "debvisor dns handover", "debvisor dns handover --return"),
	power("node killed", time.Second),
	{"cable cut", time.Second,
		func(t *testing.T, f *fleet, n int) { must(t, f.Node(n).Cut(t.Context())) },
		func(t *testing.T, f *fleet, n int) { must(t, f.Node(n).Restore(t.Context())) }},
	shell("named killed", 350*time.Millisecond, "systemctl kill --signal=KILL named", "true"),
	shell("named hung", 350*time.Millisecond, "systemctl kill --signal=STOP named", "systemctl kill --signal=CONT named"),
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// The virtual address moves whatever happens to the node that has it, and the time is printed.
func TestTheAddressMoves(t *testing.T) {
	f := newFleet(t)
	f.converge(t, 0.3)
	t.Run("health", f.health)
	for _, e := range events {
		t.Run(e.name, func(t *testing.T) { f.measure(t, e) })
	}
	f.converge(t, 0.1)
	t.Run("fast", func(t *testing.T) { f.measure(t, power("node killed, signs of life each 0.1 s", 350*time.Millisecond)) })
}

func (f *fleet) measure(t *testing.T, e event) {
	var gaps, returns []outage
	for range repetitions() {
		out, back := f.suffer(t, e)
		gaps, returns = append(gaps, out), append(returns, back)
	}
	t.Logf("%s: %s", e.name, distribution(gaps))
	t.Logf("%s, on return: %s", e.name, distribution(returns))
	verdict := "met"
	if worst := slices.MaxFunc(gaps, shorter).gap; worst > e.goal {
		verdict = fmt.Sprintf("missed by %d ms at the most", (worst - e.goal).Milliseconds())
	}
	t.Logf("goal %s in %d ms %s", e.name, e.goal.Milliseconds(), verdict)
}

// suffer is one event and its end, as a client saw both.
func (f *fleet) suffer(t *testing.T, e event) (out, back outage) {
	t.Helper()
	holder := f.together(t)
	other := 3 - holder
	a := f.ask(t)
	a.steady(t, time.Now())
	start := time.Now()
	e.begin(t, f, holder)
	a.steady(t, start.Add(e.goal))
	until(t, 10*time.Second, func() error {
		r, err := f.report(t.Context(), other)
		if err == nil && len(r.Here) != 1 {
			err = fmt.Errorf("node%d does not have the virtual address", other)
		}
		return err
	})
	out = a.end()
	a = f.ask(t)
	a.steady(t, time.Now())
	e.end(t, f, holder)
	f.together(t)
	a.steady(t, time.Now())
	return out, a.end()
}

// steady waits until nothing that was asked since a moment is lost any more.
func (a *asker) steady(t *testing.T, since time.Time) {
	t.Helper()
	until(t, 20*time.Second, func() error {
		if !a.answered(since, 200) {
			return fmt.Errorf("questions are lost")
		}
		return nil
	})
}

func shorter(a, b outage) int { return int(a.gap - b.gap) }

// distribution is outages in words. What is lost is 1 ms each.
func distribution(all []outage) string {
	sorted := slices.SortedFunc(slices.Values(all), shorter)
	at := func(part float64) int64 { return sorted[int(part*float64(len(sorted)-1)+0.5)].gap.Milliseconds() }
	lost := 0
	for _, o := range all {
		lost = max(lost, o.lost)
	}
	return fmt.Sprintf("%d times, longest time without an answer in ms: min %d, median %d, p95 %d, max %d; at most %d questions lost",
		len(all), at(0), at(0.5), at(0.95), at(1), lost)
}
