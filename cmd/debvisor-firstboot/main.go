// Command debvisor-firstboot makes a machine what its answers say, at its first boot and whenever it is run again.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"debvisor/firstboot"
	"debvisor/internal/exit"
	"debvisor/internal/host"
	"debvisor/internal/step"
	"debvisor/internal/version"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command(os.Stdout).ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "debvisor-firstboot: error: %v\n", err)
	}
	os.Exit(exit.Code(err))
}

// flags are what the command line says.
type flags struct {
	plan, json  bool
	retry, root string
}

func command(out io.Writer) *cobra.Command {
	var f flags
	c := &cobra.Command{
		Use:   "debvisor-firstboot",
		Short: "Make this machine what its answers say",
		Long: `Make this machine what ` + firstboot.Answers + ` says. systemd runs this at the first boot, and at
each boot after it until everything is done. It can be run again at any time: it changes
only what differs.`,
		Example: `  debvisor-firstboot --plan           show what would change, change nothing
  debvisor-firstboot                  change it
  debvisor-firstboot --root /mnt --plan
                                      the same for a system below /mnt, as far as files tell`,
		Version: version.Version,
		Args: func(c *cobra.Command, args []string) error {
			return exit.With(exit.Usage, cobra.NoArgs(c, args))
		},
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          func(c *cobra.Command, _ []string) error { return f.run(c.Context(), out) },
	}
	c.Flags().BoolVar(&f.plan, "plan", false, "show what would change and change nothing")
	c.Flags().BoolVar(&f.json, "json", false, "tell of each step as a line of JSON")
	c.Flags().StringVar(&f.retry, "retry", "", "begin this step again although it was interrupted while destroying data")
	c.Flags().StringVar(&f.root, "root", "/", "look at the system below this directory (only with --plan)")
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return exit.With(exit.Usage, err) })
	return c
}

func (f flags) run(ctx context.Context, out io.Writer) error {
	h := host.New()
	if f.root != "/" {
		if !f.plan {
			return exit.With(exit.Usage, errors.New("--root only looks: give --plan too"))
		}
		h = &host.Host{Root: f.root, Runner: elsewhere{}}
	}
	err := f.provision(ctx, h, out)
	if !f.plan && !f.json {
		tellEnd(out, err)
	}
	return err
}

func (f flags) provision(ctx context.Context, h *host.Host, out io.Writer) error {
	steps, err := firstboot.Load(h)
	if err != nil {
		return exit.With(exit.Usage, err)
	}
	r := step.Runner{Host: h, Journal: firstboot.Journal, Retry: f.retry, Tell: teller(out, f.json)}
	if f.plan {
		_, err := r.Plan(ctx, steps)
		return err
	}
	lock, err := h.Lock(lockPath)
	if err != nil {
		return err
	}
	_, err = r.Run(ctx, steps)
	return errors.Join(err, lock.Close())
}

// lockPath keeps a second first boot out.
const lockPath = "/run/debvisor-firstboot.lock"

// elsewhere refuses to ask a running system about one that does not run.
type elsewhere struct{}

func (elsewhere) Run(_ context.Context, c host.Cmd) ([]byte, error) {
	return nil, fmt.Errorf("run %s: the system below --root does not run", c)
}
