// Command debvisor-lab makes labs: DebVisor nodes in containers to try roles and modules on. It holds flags, output and
// the exit code; the work is in package lab. Three of its verbs are the processes of a lab and not for people.
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
	"debvisor/internal/host"
	"debvisor/internal/version"
	"debvisor/testing/lab"

	"github.com/spf13/cobra"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	err := command().ExecuteContext(ctx)
	var told toldError
	switch {
	case err == nil:
		return exit.Done
	case errors.As(err, &told):
		return told.code
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(os.Stderr, "debvisor-lab: interrupted")
		return exit.Failed
	}
	fmt.Fprintln(os.Stderr, "error:", err)
	if hint := hintFor(err); hint != "" {
		fmt.Fprintln(os.Stderr, "hint:", hint)
	}
	return exit.Code(err)
}

// toldError ends this program as a command in a node ended, which has said why itself.
type toldError struct{ code int }

func (e toldError) Error() string { return fmt.Sprintf("exit status %d", e.code) }

// hinted is an error with something to try.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

func hintFor(err error) string {
	var h hinted
	switch {
	case errors.As(err, &h):
		return h.hint
	case errors.Is(err, host.ErrLocked):
		return "end it with: debvisor-lab down, or use another --dir"
	case errors.Is(err, lab.ErrNone):
		return "start a lab with: debvisor-lab up --detach"
	}
	return ""
}

func usage(err error, c *cobra.Command) error {
	return exit.With(exit.Usage, hinted{err, "see " + c.CommandPath() + " --help"})
}

func command() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "debvisor-lab",
		Short: "Make labs: DebVisor nodes in containers to try roles and modules on",
		Long: `Make labs: DebVisor nodes in containers to try roles and modules on.

A lab's network is 10.99.0.0/24 and fd99::/64; node1 is 10.99.0.11, node2 10.99.0.12 and so on, the control node
10.99.0.10. Nothing leads out of it. It is reached from this host by "exec" and by the files in its directory:

  inventory.yml  for ansible-playbook
  ssh_config     for ssh: ssh -F DIR/ssh_config node1

Exit codes: 0 done, 1 failed, 2 wrong command line; "exec" ends as its command does.`,
		Example: `  debvisor-lab up --nodes 3
  debvisor-lab exec node1 -- systemctl status
  debvisor-lab cut node2
  ansible-playbook -i "$(debvisor-lab inventory)" playbooks/site.yml`,
		Version:       version.Version,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	cmd.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return usage(err, c) })
	cmd.CompletionOptions.HiddenDefaultCmd = true
	cmd.SuggestionsMinimumDistance = 2
	cmd.PersistentFlags().String("dir", defaultDir, "directory of the lab")
	cmd.AddCommand(upCommand(), downCommand(), execCommand(), inventoryCommand(), dialCommand())
	cmd.AddCommand(nodeCommands()...)
	cmd.AddCommand(processCommands()...)
	return cmd
}

// defaultDir is the one lab of somebody who does not say which.
const defaultDir = "/tmp/debvisor-lab"

// noArgs also answers a misspelt command.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("unknown command %q", args[0])
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		err = fmt.Errorf("unknown command %q; did you mean %s?", args[0], strings.Join(near, " or "))
	}
	return usage(err, c)
}

// exactly asks for arguments of these names.
func exactly(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != len(names) {
			return usage(fmt.Errorf("want %s, got %d arguments", strings.Join(names, " "), len(args)), c)
		}
		return nil
	}
}
