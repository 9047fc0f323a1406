// Command bench measures what DebVisor promises to be quick at, beside the tool that people would use otherwise, and
// keeps the numbers in build/bench. It asserts nothing: numbers are for people to compare.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"debvisor/internal/host"
)

// Result is a file in build/bench.
type Result struct {
	Name    string             `json:"name"`
	Seconds map[string]float64 `json:"seconds"`         // what was measured → seconds
	Ratio   map[string]float64 `json:"ratio,omitempty"` // ours / the peer's, below 1 where ours is quicker
	Bytes   map[string]int64   `json:"bytes,omitempty"`
}

// bench is where things are.
type bench struct {
	dir     string // build/
	builder string
	edition string
	runs    int
	runner  host.Runner
}

func main() {
	b := bench{runner: host.System{}}
	flag.StringVar(&b.dir, "dir", "build", "directory of the build whose packages and image are used")
	flag.StringVar(&b.builder, "builder", "build/bin/debvisor-builder", "the builder")
	flag.StringVar(&b.edition, "edition", "minimal", "edition to build")
	flag.IntVar(&b.runs, "runs", 5, "runs of each short measurement; the fastest counts")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := b.all(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench: error:", err)
		os.Exit(1)
	}
}

func (b bench) all(ctx context.Context) error {
	for _, measure := range []func(context.Context) (Result, error){b.build, b.disc, b.signature, b.payload} {
		r, err := measure(ctx)
		if err != nil {
			return err
		}
		if err := b.keep(r); err != nil {
			return err
		}
	}
	return nil
}

// keep prints a result and stores it.
func (b bench) keep(r Result) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	fmt.Println(string(data))
	dir := filepath.Join(b.dir, "bench")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, r.Name+".json"), append(data, '\n'), 0o644)
}

// fastest runs f several times and returns the least seconds: what other work on the machine did not disturb.
func (b bench) fastest(f func() error) (float64, error) {
	var best time.Duration
	for i := range b.runs {
		start := time.Now()
		if err := f(); err != nil {
			return 0, err
		}
		if took := time.Since(start); i == 0 || took < best {
			best = took
		}
	}
	return best.Seconds(), nil
}

// command is a measurement of a program.
func (b bench) command(ctx context.Context, args ...string) func() error {
	return func() error {
		_, err := b.runner.Run(ctx, host.Cmd{Args: args})
		return err
	}
}

// image is the newest image of the edition.
func (b bench) image() (string, error) {
	found, err := filepath.Glob(filepath.Join(b.dir, "debvisor-*-"+b.edition+"-*.iso"))
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("find an image of the edition %s in %s: build it first (make iso EDITION=%s)", b.edition, b.dir, b.edition)
	}
	return found[len(found)-1], nil
}
