// Package step runs a list of steps that bring a machine to what it should be: each step plans just before it runs, its
// changes are applied, and it is planned again; a step with anything left to plan has failed. A journal tells people what
// happened, and decides one thing only: a step that destroys data and was interrupted is never begun twice. There is no
// undo, no parallelism and no "done" flag.
package step

import (
	"context"
	"errors"
	"fmt"
	"time"

	"debvisor/internal/host"
)

// Step is one named part of a run. Plan computes what must change and is called before and after.
type Step struct {
	Name string
	Plan func(ctx context.Context) ([]host.Change, error)
	// Once marks a step that destroys data. When it began and did not finish it is refused for good, until an operator
	// retries it by name; when it finished it is not planned again.
	Once bool
	// Note is said in the plan and in the run, for a step that leaves something to the operator.
	Note string
}

// Event tells of a step as it goes on. Phase is "plan", "apply", "done", "failed" or "note".
type Event struct {
	Step    string        `json:"step"`
	Number  int           `json:"n"`
	Of      int           `json:"of"`
	Phase   string        `json:"phase"`
	Changes []string      `json:"changes,omitempty"`
	Note    string        `json:"note,omitempty"`
	Error   string        `json:"error,omitempty"`
	Took    time.Duration `json:"took,omitempty"`
}

// Failed is the step at which a run stopped.
type Failed struct {
	Step string
	Err  error
}

func (f *Failed) Error() string { return f.Step + ": " + f.Err.Error() }
func (f *Failed) Unwrap() error { return f.Err }

// ErrInterrupted is the reason for which a Once step is refused.
var ErrInterrupted = errors.New("it began before and did not finish; it changes what cannot be brought back, so it is not begun again")

// Runner runs steps on a machine.
type Runner struct {
	Host    *host.Host
	Journal string      // path on the machine; empty for none
	Tell    func(Event) // never nil
	Retry   string      // name of an interrupted Once step that may begin again
}

// Plan tells what each step would change on the machine as it is now; later steps are not shown the effect of earlier
// ones. A step that cannot be planned yet is told as failed and does not end the list. It returns the number of changes.
func (r Runner) Plan(ctx context.Context, steps []Step) (int, error) {
	history, err := r.history()
	if err != nil {
		return 0, err
	}
	total := 0
	for i, s := range steps {
		e := Event{Step: s.Name, Number: i + 1, Of: len(steps), Phase: "plan", Note: s.Note}
		changes, err := r.plan(ctx, s, history)
		if err != nil {
			e.Phase, e.Error = "failed", err.Error()
		}
		e.Changes = lines(changes)
		total += len(changes)
		r.Tell(e)
	}
	return total, ctx.Err()
}

// Run brings the machine to what the steps ask for and returns how many changes it made. It stops at the first step that
// fails, with a *Failed.
func (r Runner) Run(ctx context.Context, steps []Step) (int, error) {
	history, err := r.history()
	if err != nil {
		return 0, err
	}
	total := 0
	for i, s := range steps {
		n, err := r.run(ctx, s, i+1, len(steps), history)
		total += n
		if err != nil {
			return total, &Failed{Step: s.Name, Err: err}
		}
	}
	return total, nil
}

func (r Runner) run(ctx context.Context, s Step, number, of int, history history) (n int, err error) {
	e := Event{Step: s.Name, Number: number, Of: of, Note: s.Note}
	start := time.Now()
	defer func() {
		e.Took, e.Changes, e.Phase = time.Since(start), nil, "done"
		if err != nil {
			e.Phase, e.Error = "failed", err.Error()
		}
		r.Tell(e)
		if n > 0 || e.Phase != "done" || history.open(s.Name) { // a step that had nothing to do is not recorded
			err = errors.Join(err, r.record(s.Name, e.Phase, n, e.Error))
		}
	}()
	changes, err := r.plan(ctx, s, history)
	if err != nil || len(changes) == 0 {
		return 0, err
	}
	e.Phase, e.Changes = "apply", lines(changes)
	r.Tell(e)
	if err := r.record(s.Name, "begin", len(changes), ""); err != nil {
		return 0, err
	}
	if err := r.Host.Apply(ctx, changes); err != nil {
		return 0, err
	}
	return len(changes), r.nothingLeft(ctx, s)
}

// nothingLeft plans again: an empty list is the only proof that a step did what it said.
func (r Runner) nothingLeft(ctx context.Context, s Step) error {
	left, err := s.Plan(ctx)
	if err != nil {
		return fmt.Errorf("plan again: %w", err)
	}
	if len(left) > 0 {
		return fmt.Errorf("after applying, %d of its changes are still needed, first: %s", len(left), left[0])
	}
	return nil
}

func (r Runner) plan(ctx context.Context, s Step, h history) ([]host.Change, error) {
	if s.Once {
		switch h[s.Name] {
		case "done":
			return nil, nil
		case "begin", "failed":
			if r.Retry != s.Name {
				return nil, ErrInterrupted
			}
		}
	}
	return s.Plan(ctx)
}

func lines(changes []host.Change) []string {
	var all []string
	for _, c := range changes {
		all = append(all, c.String())
	}
	return all
}
