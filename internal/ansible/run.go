package ansible

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"debvisor/internal/host"
)

// grace is how long a module that was told to stop may still take; commands are killed within five seconds.
const grace = 10 * time.Second

// run is one task's way through a module. What is read after a module did not stop in time is behind the lock.
type run struct {
	module Module
	in     input
	task   *Task

	mu      sync.Mutex
	shown   map[string]any // arguments without secrets
	changes []host.Change  // of the first plan
	done    int            // how many of them were made
	stack   string         // of a panic
}

// Run runs the module on a machine with arguments as a controller writes them, a JSON object, and returns what Ansible
// is given. It never panics; a ctx that ends is a failure.
func (m Module) Run(ctx context.Context, h *host.Host, arguments io.Reader) map[string]any {
	in, err := readInput(arguments)
	if err != nil {
		return map[string]any{"failed": true, "changed": false, "msg": err.Error()}
	}
	return m.start(ctx, h, in)
}

func (m Module) start(ctx context.Context, h *host.Host, in input) map[string]any {
	if in.module == "" {
		in.module = m.Name
	}
	task := &Task{Host: h, Module: in.module, Check: in.check, Diff: in.diff, Verbosity: in.verbosity, NoLog: in.noLog}
	task.secrets = secretsIn(m.Options, in.arguments)
	r := &run{module: m, in: in, task: task}
	ended := make(chan error, 1)
	go func() { ended <- r.guarded(ctx) }()
	return r.result(r.wait(ctx, ended))
}

// wait is how the run ended; when it was told to stop and does not, it is left behind.
func (r *run) wait(ctx context.Context, ended <-chan error) error {
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
		select {
		case err = <-ended:
		case <-time.After(grace):
			err = fmt.Errorf("the module went on for %s", grace)
		}
	}
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("interrupted, %w: %w", context.Cause(ctx), err)
	}
	return err
}

// guarded makes an error of a panic.
func (r *run) guarded(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			r.mu.Lock()
			r.stack = fmt.Sprintf("%s\npanic: %v", debug.Stack(), p)
			r.mu.Unlock()
			err = fmt.Errorf("the module has a bug: %v", p)
		}
	}()
	return r.all(ctx)
}

func (r *run) all(ctx context.Context) error {
	plan, err := r.begin()
	if err != nil {
		return err
	}
	changes, err := plan(ctx, r.task)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.changes = changes
	r.mu.Unlock()
	if r.in.check || len(changes) == 0 {
		return nil
	}
	if err := r.apply(ctx, changes); err != nil {
		return err
	}
	return r.verify(ctx, plan)
}

// begin checks the arguments and writes the record of the call.
func (r *run) begin() (planner, error) {
	if r.module.wrong != nil {
		return nil, fmt.Errorf("the module has a bug: %w", r.module.wrong)
	}
	c := &check{module: r.in.module, warn: r.task.Warn}
	values := c.arguments(r.module.Options, r.in.arguments, nil)
	r.mu.Lock()
	r.shown = visible(r.module.Options, values, maskedParameter)
	r.mu.Unlock()
	if len(c.findings) > 0 {
		return nil, errors.Join(c.findings...)
	}
	plan, err := r.module.bind(values)
	if err != nil {
		return nil, err
	}
	logCall(r.in, visible(r.module.Options, values, "NOT_LOGGING_PARAMETER"), newScrubber(r.task.secrets))
	return plan, nil
}

// apply makes one change at a time, to know how far it came.
func (r *run) apply(ctx context.Context, changes []host.Change) error {
	for i := range changes {
		if err := r.task.Host.Apply(ctx, changes[i:i+1]); err != nil {
			return fmt.Errorf("%s: %w", changes[i], err)
		}
		r.mu.Lock()
		r.done = i + 1
		r.mu.Unlock()
	}
	return nil
}

// verify plans again: what is left now was not done.
func (r *run) verify(ctx context.Context, plan planner) error {
	r.task.mu.Lock()
	r.task.verifying = true
	r.task.mu.Unlock()
	left, err := plan(ctx, r.task)
	if err != nil {
		return fmt.Errorf("look at what was changed: %w", err)
	}
	if len(left) > 0 {
		return fmt.Errorf("everything was done, and still this is to do: %s", strings.Join(lines(left), "; "))
	}
	return nil
}

// lines are changes as text, not too many.
func lines(changes []host.Change) []string {
	all := []string{}
	for i, c := range changes {
		if i == diffLimit {
			return append(all, fmt.Sprintf("and %d more", len(changes)-i))
		}
		all = append(all, c.String())
	}
	return all
}
