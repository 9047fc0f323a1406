package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"debvisor/internal/host"
)

// used is what runs of a command used.
type used struct{ seconds, cpu, memory []float64 }

func (u *used) add(one used) {
	u.seconds = append(u.seconds, one.seconds...)
	u.cpu = append(u.cpu, one.cpu...)
	u.memory = append(u.memory, one.memory...)
}

// run runs a command to its end, a whole process with all that starting it takes. Time is in seconds, CPU time is user and
// system together, memory the most that was resident, in MiB. The kernel counts as the command's memory what this program
// had when it started it; that is why lists are read in programs of their own, and never in this one.
func run(ctx context.Context, out io.Writer, args ...string) (used, error) {
	return runFrom(ctx, nil, out, args...)
}

// runFrom is run of a command that reads something.
func runFrom(ctx context.Context, in io.Reader, out io.Writer, args ...string) (used, error) {
	var said bytes.Buffer
	start := time.Now()
	p, err := host.Start(ctx, host.Cmd{Args: args}, host.Streams{In: in, Out: out, Err: &said})
	if err != nil {
		return used{}, err
	}
	err = p.Wait()
	took := time.Since(start)
	if err != nil {
		return used{}, fmt.Errorf("run %s: %w: %s", host.Cmd{Args: args}, err, bytes.TrimSpace(said.Bytes()))
	}
	u := p.Usage()
	return used{[]float64{took.Seconds()}, []float64{(u.User + u.System).Seconds()}, []float64{float64(u.MaxRSS) / (1 << 20)}}, nil
}

// runJSON reads what a command prints.
func runJSON(ctx context.Context, into any, args ...string) error {
	var out bytes.Buffer
	if _, err := run(ctx, &out, args...); err != nil {
		return err
	}
	return json.Unmarshal(out.Bytes(), into)
}

// task is one run of something.
type task func() (used, error)

// command is a task that throws away what the command prints.
func command(ctx context.Context, args ...string) task {
	return func() (used, error) { return run(ctx, nil, args...) }
}

// timed is a task within this program.
func timed(f func() error) task {
	return func() (used, error) {
		start := time.Now()
		err := f()
		return used{seconds: []float64{time.Since(start).Seconds()}}, err
	}
}

// compare runs two tasks in turn, so that what else the machine does disturbs both alike; of a slow peer one run or a few
// must do.
func compare(runs, peerRuns int, ours, peer task) (o, p used, err error) {
	for i := range max(runs, peerRuns) {
		if i < runs {
			err = o.take(ours)
		}
		if err == nil && i < peerRuns {
			err = p.take(peer)
		}
		if err != nil {
			return o, p, err
		}
	}
	return o, p, nil
}

func (u *used) take(t task) error {
	one, err := t()
	u.add(one)
	return err
}
