// Command molecule walks the Molecule scenarios of the roles in Molecule's order with nothing but ansible-playbook, on
// nodes of testing/lab. It is for where Molecule is not installed, which Debian does not have: the files are Molecule's
// own, and what it does not know in them is an error, never passed over.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"debvisor/internal/exit"
	"debvisor/testing/lab"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		stop()
		os.Exit(exit.Code(err))
	}
}

// run walks the scenarios of the named roles, or of all.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flag.NewFlagSet("molecule", flag.ContinueOnError)
	f.SetOutput(stderr)
	cores := f.String("core", strings.Join(lab.Cores, ","), "versions of ansible-core, with commas between")
	roles := f.String("roles", "roles", "directory of the roles")
	f.Usage = func() {
		fmt.Fprint(stderr, "usage: molecule [-core 2.14,2.19] [-roles DIR] [ROLE...]\n\nexample: go run ./testing/molecule -core 2.19 rpc-service\n")
		f.PrintDefaults()
	}
	if err := f.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return exit.With(exit.Usage, err)
	}
	found, err := find(*roles, f.Args())
	if err != nil {
		return exit.With(exit.Usage, err)
	}
	w := &walker{out: stdout}
	return errors.Join(w.all(ctx, found, strings.Split(*cores, ",")), w.close())
}

// all goes on after a scenario that failed.
func (w *walker) all(ctx context.Context, found []scenario, cores []string) error {
	var failed []string
	for _, s := range found {
		for _, core := range cores {
			if err := w.walk(ctx, s, core); err != nil {
				fmt.Fprintln(w.out, err)
				failed = append(failed, s.String()+" "+core)
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("failed: %s", strings.Join(failed, ", "))
	}
	return nil
}
