// Command debvisor is what an operator, a unit or another program calls on a node: one verb for each thing to look at or to
// do. The documented *.sh names are links to it. It does not install and does not provision.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"debvisor/internal/exit"
	"debvisor/internal/names"

	"github.com/spf13/cobra"
)

func main() { os.Exit(run(os.Args, os.Stdout, os.Stderr)) }

// run is the whole program; args[0] is the name that it was called by.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cmd := root()
	cmd.SetArgs(spread(append(verbOf(args[0]), args[1:]...)))
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	err := cmd.ExecuteContext(ctx)
	if err != nil && !errors.Is(err, errSaid) {
		fmt.Fprintln(stderr, "debvisor: error:", err)
	}
	return exit.Code(err)
}

// errSaid is the error of a verb whose output already says what is wrong.
var errSaid = errors.New("it was said")

// verbOf is the verb that a fixed name stands for; none for the program's own name.
func verbOf(name string) []string {
	for _, l := range names.Links {
		if filepath.Base(name) == filepath.Base(l.Path) {
			return append([]string(nil), l.Verb...)
		}
	}
	return nil
}

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:           "debvisor",
		Short:         "look after a DebVisor node",
		Example:       "  debvisor health\n  debvisor firewall check\n  debvisor version --long",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	cmd.CompletionOptions.HiddenDefaultCmd = true
	cmd.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return exit.With(exit.Usage, fmt.Errorf("%w; see %s --help", err, c.CommandPath()))
	})
	return group(cmd, answersVerb(), healthVerb(), hostnameVerb(), firewallVerb(), blocklistVerb(), bootVerb(), profileVerb(), dnsVerb(), tsigVerb(), versionVerb(), vmVerb())
}

// group is a command that has verbs; alone it explains itself, and anything that is not one of them is a usage error.
func group(cmd *cobra.Command, verbs ...*cobra.Command) *cobra.Command {
	cmd.AddCommand(verbs...)
	cmd.Args = usage(cobra.NoArgs)
	cmd.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	return cmd
}

// usage makes the errors of a positional argument check usage errors.
func usage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error { return exit.With(exit.Usage, check(c, args)) }
}
