package installer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"debvisor/internal/disk"
	"debvisor/internal/exit"
)

// Request is what the command line asks for.
type Request struct {
	Answers   string // file; empty to look where answers may be
	Plan      bool   // only show
	DiskFacts string // facts file instead of this machine's disks; only with Plan
	Yes       bool   // go on without a question
}

// Do installs or plans as a command that ends, in contrast to a Console.
func (in *Installer) Do(ctx context.Context, r Request, ask Asker) error {
	if r.DiskFacts == "" {
		in.settle(ctx)
	}
	a, err := in.requested(ctx, r)
	if err != nil {
		return err
	}
	if r.Plan {
		return in.onlyPlan(ctx, *a, r.DiskFacts)
	}
	p, err := in.lookPatiently(ctx, *a)
	if err != nil {
		return err
	}
	in.Tell.plan(p)
	return in.agreed(ctx, r, ask, p)
}

// onlyPlan shows what would be done. What a step does depends on the disks of this machine.
func (in *Installer) onlyPlan(ctx context.Context, a Answers, factsFile string) error {
	facts, err := readFacts(factsFile)
	if err != nil {
		return err
	}
	p, err := in.Look(ctx, a, facts)
	if err != nil {
		return err
	}
	in.Tell.plan(p)
	if facts != nil {
		return nil
	}
	return in.Show(ctx, p)
}

func (in *Installer) agreed(ctx context.Context, r Request, ask Asker, p *Plan) error {
	if !r.Yes {
		if err := confirm(ctx, ask, p.Choice.System.Disk); err != nil {
			return err
		}
	}
	end, err := in.begin()
	if err != nil {
		return err
	}
	defer end()
	err = in.Install(ctx, p)
	in.Tell.end(exit.Code(err), err)
	return err
}

func (in *Installer) requested(ctx context.Context, r Request) (*Answers, error) {
	if r.DiskFacts != "" && !r.Plan {
		return nil, exit.With(exit.Usage, errors.New("--disk-facts is for --plan and disks: nothing is installed to disks that are not there"))
	}
	if r.Answers != "" {
		data, err := os.ReadFile(r.Answers)
		if err != nil {
			return nil, exit.With(exit.Usage, err)
		}
		return ParseAnswers(r.Answers, data)
	}
	c, err := ReadCmdline(in.Live)
	if err != nil {
		return nil, err
	}
	a, also, err := in.findPatiently(ctx, c)
	if err == nil && a == nil {
		err = exit.With(exit.Usage, errors.New("no answers found: name a file with --answers"))
	}
	for _, s := range also {
		in.Tell.linef("also found, not used: %s", s)
	}
	return a, err
}

func readFacts(name string) (*disk.Facts, error) {
	if name == "" {
		return nil, nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, exit.With(exit.Usage, err)
	}
	f, err := disk.ParseFacts(data)
	if err != nil {
		return nil, exit.With(exit.Usage, fmt.Errorf("%s: %w", name, err))
	}
	return &f, nil
}

// Disks lists the disks of this machine or of a facts file: what is on each, and whether the system could be installed
// on it.
func (in *Installer) Disks(ctx context.Context, factsFile string, asJSON bool, w io.Writer) error {
	facts, err := readFacts(factsFile)
	if err != nil {
		return err
	}
	if facts == nil {
		now, err := in.Facts(ctx)
		if err != nil {
			return err
		}
		facts = &now
	}
	if asJSON {
		data, err := facts.JSON()
		if err != nil {
			return err
		}
		_, err = w.Write(data)
		return err
	}
	return diskTable(w, *facts)
}

func diskTable(w io.Writer, facts disk.Facts) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "DISK\tSIZE\tBUS\tMODEL\tSERIAL\tCONTENTS\tSYSTEM DISK")
	for _, d := range facts.Disks {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", d.Path, disk.Human(d.Size), or(d.Transport, "-"), or(d.Model, "-"), or(d.Serial, "-"), d.Contents, eligible(d))
	}
	return table.Flush()
}

// eligible says whether answers could name a disk for the system.
func eligible(d disk.Disk) string {
	why := d.Busy()
	if d.Size > 0 && d.Size < LeastSize {
		why = append(why, "smaller than "+binarySize(LeastSize))
	}
	switch {
	case len(why) > 0:
		return "no: " + strings.Join(why, "; ")
	case !d.Contents.Empty():
		return "only when named for wiping"
	case len(disk.Match{}.Mismatch(d)) > 0:
		return "yes, when a rule means it: " + strings.Join(disk.Match{}.Mismatch(d), "; ")
	}
	return "yes"
}
