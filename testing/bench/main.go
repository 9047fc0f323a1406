// Command bench measures what DebVisor promises to be quick at, beside the tool that people would use otherwise, and
// keeps the numbers in build/bench. It asserts nothing: numbers are for people to compare. It fails only when something
// could not be measured.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// bench is where things are.
type bench struct {
	dir     string // build/
	bin     string // commands of nodes
	modules string // the binary of the Ansible modules
	builder string
	edition string
	only    string
	runs    int
	apart   bool // this program runs in namespaces of its own
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := program(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench: error:", err)
		os.Exit(1)
	}
}

func program(ctx context.Context) error {
	if len(os.Args) > 1 && os.Args[1] == "child" {
		return child(ctx, os.Args[2:])
	}
	b := bench{}
	flag.StringVar(&b.dir, "dir", "build", "directory of the build whose packages and image are used, and of the results")
	flag.StringVar(&b.bin, "bin", "builder/payload/bin", "directory of the commands of a node")
	flag.StringVar(&b.modules, "modules", "build/modules/debvisor-modules-linux-amd64", "the Ansible modules")
	flag.StringVar(&b.builder, "builder", "build/bin/debvisor-builder", "the builder")
	flag.StringVar(&b.edition, "edition", "minimal", "edition to build")
	flag.StringVar(&b.only, "only", "", "measure only these, with commas between: "+strings.Join(groups(), ", ")+", or words of figures' names")
	flag.IntVar(&b.runs, "runs", 5, "runs of each short measurement; the median counts")
	flag.BoolVar(&b.apart, "apart", false, "this program runs in namespaces of its own already")
	flag.Parse()
	if err := b.prepare(); err != nil {
		return err
	}
	return b.all(ctx)
}

// prepare makes all names absolute and checks the groups.
func (b *bench) prepare() (err error) {
	for _, p := range []*string{&b.dir, &b.bin, &b.modules, &b.builder} {
		if *p, err = filepath.Abs(*p); err != nil {
			return err
		}
	}
	if len(b.wanted()) == 0 {
		return fmt.Errorf("nothing is called %q; there are %s", b.only, strings.Join(groups(), ", "))
	}
	return os.MkdirAll(b.results(), 0o755)
}

func (b bench) results() string { return filepath.Join(b.dir, "bench") }

// wanted are the measurements to make.
func (b bench) wanted() []measurement {
	return slices.DeleteFunc(measurements(), func(m measurement) bool {
		return !slices.ContainsFunc(strings.Split(b.only, ","), func(word string) bool {
			return word == m.group || slices.ContainsFunc(m.figures, func(f Figure) bool { return strings.Contains(f.Name, word) })
		})
	})
}

// all measures, and prints the table of what this run measured.
func (b bench) all(ctx context.Context) error {
	var done []Figure
	for _, group := range groups() {
		figures, err := b.group(ctx, group)
		if err != nil {
			return err
		}
		done = append(done, figures...)
	}
	if b.apart {
		return nil
	}
	if err := printTable(os.Stdout, done); err != nil {
		return err
	}
	return complaint(done)
}

// group measures one group, in a program of its own where it must not touch this system's network and files.
func (b bench) group(ctx context.Context, group string) ([]Figure, error) {
	wanted := slices.DeleteFunc(b.wanted(), func(m measurement) bool { return m.group != group })
	if len(wanted) == 0 || b.apart && group != blocklist { // the others are for the program that started this one
		return nil, nil
	}
	if group == blocklist && !b.apart {
		return b.outside(ctx, wanted)
	}
	if b.apart {
		if err := b.prepareNode(ctx); err != nil {
			return nil, err
		}
	}
	var done []Figure
	for _, m := range wanted {
		figures, err := b.one(ctx, m)
		if err != nil {
			return nil, err
		}
		done = append(done, figures...)
	}
	return done, nil
}

// one measures and stores; what fails is stored too.
func (b bench) one(ctx context.Context, m measurement) ([]Figure, error) {
	fmt.Fprintln(os.Stderr, "bench: measuring", m.figures[0].Name)
	err := m.take(ctx, b, m.figures)
	for i := range m.figures {
		f := &m.figures[i]
		if err != nil && f.Runs == 0 {
			f.Error = err.Error()
		}
		if err := f.store(b.results()); err != nil {
			return nil, err
		}
	}
	return m.figures, ctx.Err()
}

// complaint says that something is missing; the table says what and why.
func complaint(figures []Figure) error {
	missing := 0
	for _, f := range figures {
		if f.Error != "" {
			missing++
		}
	}
	if missing > 0 {
		return fmt.Errorf("%d of %d figures could not be measured", missing, len(figures))
	}
	return nil
}

// image is the newest image of the edition.
func (b bench) image() (string, error) {
	found, err := filepath.Glob(filepath.Join(b.dir, "debvisor-*-"+b.edition+"-*.iso"))
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("find an image of the edition %s in %s: build it first (make iso EDITION=%s)", b.edition, b.dir, b.edition)
	}
	return found[len(found)-1], nil
}
