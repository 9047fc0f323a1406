// Command debvisor-installer puts DebVisor on a disk. On the live system it is the program of the consoles; anywhere it
// plans, lists disks and, when told to, installs.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"debvisor/installer"
	"debvisor/internal/exit"
	"debvisor/internal/host"
	"debvisor/internal/version"
)

const examples = `  # what would be installed where, from an answers file
  debvisor-installer --plan --answers hv01.yaml
  # install without a question
  debvisor-installer --answers hv01.yaml --yes
  # which disks there are, and which of them could hold the system
  debvisor-installer disks
  # try answers against the disks of another machine
  debvisor-installer disks --json > facts.json
  debvisor-installer --plan --answers hv01.yaml --disk-facts facts.json`

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	err := command().ExecuteContext(ctx)
	if err == nil {
		return exit.Done
	}
	fmt.Fprintf(os.Stderr, "debvisor-installer: error: %v\n", err)
	return exit.Code(err)
}

// flags are those of the command line.
type flags struct {
	installer.Request
	json, loops               bool
	root, medium, target, key string
}

func command() *cobra.Command {
	f := &flags{}
	cmd := &cobra.Command{
		Use: "debvisor-installer", Short: "Install DebVisor on a disk", Example: examples, Version: version.Version, Args: noArgs,
		Long: "Install DebVisor on a disk.\n\nOn the live system, without flags: use the answers on the kernel command line, on a medium labelled DEBVISOR or CIDATA,\n" +
			"or in the medium's slot; otherwise ask. Exit codes: 0 done, 1 failed, 2 usage or invalid answers, 3 no or ambiguous match,\n4 refused, 5 signature.",
		SilenceErrors: true, SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.install(cmd.Context()) },
	}
	p := cmd.PersistentFlags()
	p.StringVar(&f.DiskFacts, "disk-facts", "", "read the disks from this `FILE` instead of this machine")
	p.BoolVar(&f.json, "json", false, "print JSON: an event a line, or the disks' facts")
	p.BoolVar(&f.loops, "loops", false, "let loop devices count as disks, to install to an image file")
	p.StringVar(&f.root, "root", "/", "the live system's root `DIR`")
	own := cmd.Flags()
	own.StringVar(&f.Answers, "answers", "", "answers `FILE`")
	own.BoolVar(&f.Plan, "plan", false, "show what would be done and change nothing")
	own.BoolVar(&f.Yes, "yes", false, "begin without asking")
	own.StringVar(&f.medium, "medium", installer.DefaultMedium, "`DIR` with the files of the install medium")
	own.StringVar(&f.target, "target", installer.DefaultTarget, "`DIR` to mount the new system on")
	own.StringVar(&f.key, "key", installer.DefaultKey, "public key `FILE` that the medium must be signed with")
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return exit.With(exit.Usage, err) })
	cmd.AddCommand(f.disks())
	return cmd
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return exit.With(exit.Usage, fmt.Errorf("unknown command %q; see debvisor-installer --help", args[0]))
	}
	return nil
}

func (f *flags) disks() *cobra.Command {
	return &cobra.Command{
		Use: "disks", Short: "List the disks, what is on them, and which could hold the system", Args: noArgs,
		Example: "  debvisor-installer disks\n  debvisor-installer disks --json > facts.json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.installer().Disks(cmd.Context(), f.DiskFacts, f.json, cmd.OutOrStdout())
		},
	}
}

func (f *flags) installer() *installer.Installer {
	return &installer.Installer{
		Live: &host.Host{Root: f.root, Runner: host.System{}}, Medium: f.medium, Target: f.target, Key: f.key, Loops: f.loops,
		Tell: &installer.Teller{Out: os.Stdout, JSON: f.json, Live: term.IsTerminal(int(os.Stdout.Fd())) && os.Getenv("TERM") != "dumb"},
	}
}

func (f *flags) install(ctx context.Context) error {
	in := f.installer()
	ask := installer.NewAsker(os.Stdin, os.Stdout)
	if f.Answers == "" && !f.Plan && !f.Yes {
		return console(ctx, in, ask)
	}
	if !f.Plan && !f.Yes && !term.IsTerminal(int(os.Stdin.Fd())) {
		return exit.With(exit.Usage, errors.New("nobody is here to ask: add --yes to install, or --plan to see what would be done"))
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	return in.Do(ctx, f.Request, ask)
}

// console is for the live system only: its menu has a reboot.
func console(ctx context.Context, in *installer.Installer, ask installer.Asker) error {
	line, err := installer.ReadCmdline(in.Live)
	if err != nil {
		return err
	}
	if !line.Live {
		return exit.With(exit.Usage, errors.New("this is not the live system: name the answers with --answers FILE"))
	}
	c := installer.Console{In: in, Ask: ask, Cmdline: line, Stdin: os.Stdin, Wait: installer.Countdown}
	return c.Run(ctx)
}
