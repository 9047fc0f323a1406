// Command debvisor-builder builds, signs, verifies, inspects and boots DebVisor's installer image. It holds flags, output
// and the exit code; the work is in package builder.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"debvisor/internal/exit"
	"debvisor/internal/report"
	"debvisor/internal/version"

	"github.com/spf13/cobra"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	syscall.Umask(0o022) // what is built must not depend on who builds it
	err := command().ExecuteContext(ctx)
	if err == nil {
		return exit.Done
	}
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "debvisor-builder: interrupted")
		return exit.Failed
	}
	var findings *report.Error
	if errors.As(err, &findings) { // they have their places in front already
		fmt.Fprintln(os.Stderr, findings)
		return exit.Usage
	}
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(os.Stderr, "debvisor-builder: error: %s\n", strings.TrimRight(line, "\n"))
	}
	return code(err)
}

// usageError is a wrong command line.
type usageError struct{ error }

func code(err error) int {
	var usage usageError
	if errors.As(err, &usage) {
		return exit.Usage
	}
	return exit.Code(err)
}

func command() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "debvisor-builder",
		Short: "Build, verify and boot the DebVisor installer image",
		Long: `Build, verify and boot the DebVisor installer image.

Exit codes: 0 done, 1 failed, 2 wrong command line or configuration, 5 wrong signature.`,
		Example: `  debvisor-builder build --edition minimal
  debvisor-builder verify build/debvisor-1.0-amd64.iso
  debvisor-builder boot build/debvisor-1.0-amd64.iso --uefi --disk node.img`,
		Version:       version.Version,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	cmd.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w\nsee %s --help", err, c.CommandPath())}
	})
	cmd.CompletionOptions.HiddenDefaultCmd = true
	cmd.SuggestionsMinimumDistance = 2
	cmd.AddCommand(buildCommand(), planCommand(), verifyCommand(), inspectCommand(), embedCommand(), resetCommand(), keygenCommand(), bootCommand(), answersCommand(), collectionCommand(),
		versionCommand(version.Version, version.Commit))
	return cmd
}

// noArgs also answers a misspelt command.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("unknown command %q; see %s --help", args[0], c.CommandPath())
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		err = fmt.Errorf("unknown command %q; did you mean %s?", args[0], strings.Join(near, " or "))
	}
	return usageError{err}
}
