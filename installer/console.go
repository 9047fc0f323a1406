package installer

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"time"

	"debvisor/config"
	"debvisor/internal/exit"
	"debvisor/internal/host"
	"debvisor/internal/manifest"
)

// Console is the installer as the program of a live system's console: it never ends by itself, and never waits for input
// where answers tell it to go on.
type Console struct {
	In      *Installer
	Ask     Asker
	Cmdline Cmdline
	Stdin   *os.File
	Wait    int // seconds in which a key stops an installation with answers that were found

	given *config.Node // answers that were found or typed so far: defaults of the next round
}

// Countdown is how many seconds a person at a console has to stop an installation.
const Countdown = 15

// Run begins with the answers that are there, and then shows the menu until ctx ends.
func (c *Console) Run(ctx context.Context) error {
	drain := make(chan os.Signal, 1)
	signal.Notify(drain, os.Interrupt) // Ctrl-C is for whoever asks for it; it must never end the console's program
	defer signal.Stop(drain)
	c.given = c.start(ctx)
	for ctx.Err() == nil {
		if err := c.menu(ctx); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// start looks for answers and installs with them, unless somebody stops it. It returns them as defaults.
func (c *Console) start(ctx context.Context) *config.Node {
	for _, u := range c.Cmdline.Unknown {
		c.In.Tell.linef("unknown on the kernel command line: %s", u)
	}
	c.In.settle(ctx)
	a, also, err := c.In.findPatiently(ctx, c.Cmdline)
	if err == nil && a == nil && c.Cmdline.Auto {
		err = exit.With(exit.Usage, errors.New("no answers: not on the kernel command line, on a medium labelled DEBVISOR or CIDATA, or in the slot"))
	}
	if err != nil {
		c.failed(ctx, err)
		return nil
	}
	if a == nil {
		return nil
	}
	c.In.Tell.linef("answers: %s", a.Source)
	for _, s := range also {
		c.In.Tell.linef("also found, not used: %s", s)
	}
	if !c.Cmdline.Auto && !c.countdown(ctx, a) {
		return a.Node
	}
	c.unattended(ctx, *a)
	return a.Node
}

// failed says what is wrong; unattended, it stays on the screen until somebody presses Enter.
func (c *Console) failed(ctx context.Context, err error) {
	c.In.Tell.linef("error: %v", err)
	if c.Cmdline.Auto {
		c.In.Tell.end(exit.Code(err), err)
		c.hold(ctx)
	}
}

// hold keeps what is on the screen.
func (c *Console) hold(ctx context.Context) {
	q := Question{Title: "Press Enter for the menu", Kind: Text}
	for ctx.Err() == nil {
		if _, err := c.Ask.Ask(ctx, q); err == nil || !errors.Is(err, ErrAborted) {
			return
		}
		if pause(ctx, time.Second) != nil { // a console without input would spin
			return
		}
	}
}

// countdown reports whether nobody stopped it: a key on this console or the other one.
func (c *Console) countdown(ctx context.Context, a *Answers) bool {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	if restore, err := keys(int(c.Stdin.Fd())); err == nil { // not a terminal: nobody can press a key
		defer restore()
	}
	c.In.Tell.linef("%s will be installed unattended. Press any key to stop.", a.Node.Host.FQDN)
	for left := c.Wait; left > 0; left-- {
		c.In.Tell.linef("  %d s", left)
		pressed := keyPressed(int(c.Stdin.Fd()), 1000)
		if pressed || ctx.Err() != nil {
			c.In.Tell.line("stopped")
			return c.tellStopped()
		}
		if c.In.Live.Exists(stopFile) {
			c.In.Tell.line("stopped on the other console")
			return false
		}
	}
	return !c.In.Live.Exists(stopFile)
}

// tellStopped leaves a note for the other console. It always reports false; that a note cannot be left is said aloud.
func (c *Console) tellStopped() bool {
	f, err := c.In.openRun(stopFile, os.O_CREATE|os.O_WRONLY)
	if err != nil {
		c.In.Tell.linef("tell the other console: %v", err)
		return false
	}
	f.Close()
	return false
}

// unattended installs without a question. After a failure it stays on the error.
func (c *Console) unattended(ctx context.Context, a Answers) {
	end, err := c.In.begin()
	if errors.Is(err, host.ErrLocked) {
		if err := c.In.follow(ctx); err != nil {
			c.In.Tell.linef("error: %v", err)
		}
		c.hold(ctx)
		return
	}
	if err == nil {
		err = c.In.Unattended(ctx, a)
		c.In.Tell.end(exit.Code(err), err)
		end()
	}
	if err != nil {
		c.In.Tell.linef("the log is %s", logFile)
		c.hold(ctx)
		return
	}
	c.after(ctx, a.Node.Install.After)
}

// Unattended plans and installs, and says what it does.
func (in *Installer) Unattended(ctx context.Context, a Answers) error {
	p, err := in.lookPatiently(ctx, a)
	if err == nil {
		in.Tell.plan(p)
		err = in.Install(ctx, p)
	}
	if err != nil {
		in.Tell.linef("error: %v", err)
	}
	return err
}

// after does what the answers ask for. A reboot ends this program from outside.
func (c *Console) after(ctx context.Context, what string) {
	if what == "nothing" {
		c.hold(ctx)
		return
	}
	c.In.Tell.linef("%s", what)
	if err := c.In.Live.Apply(ctx, []host.Change{host.Exec{Cmd: host.Cmd{Args: []string{"systemctl", what}}}}); err != nil {
		c.In.Tell.linef("error: %v", err)
		c.hold(ctx)
		return
	}
	<-ctx.Done()
}

// menu is where Ctrl-C leads.
func (c *Console) menu(ctx context.Context) error {
	choice, err := c.Ask.Ask(ctx, Question{Title: "DebVisor installer", Kind: One, Options: []Option{
		{"install", "Install DebVisor"}, {"shell", "Shell"}, {"reboot", "Reboot"}, {"poweroff", "Switch off"}}})
	switch {
	case errors.Is(err, ErrAborted):
		return pause(ctx, time.Second) // the end of the input would spin
	case err != nil:
		return err
	case choice == "shell":
		return c.shell(ctx)
	case choice == "install":
		c.guided(ctx)
	default:
		c.after(ctx, choice)
	}
	return nil
}

func (c *Console) shell(ctx context.Context) error {
	p, err := host.Start(ctx, host.Cmd{Args: []string{"bash", "--login"}}, host.Streams{In: c.Stdin, Out: os.Stdout, Err: os.Stderr})
	if err != nil {
		c.In.Tell.linef("error: %v", err)
		return nil
	}
	if err := p.Wait(); err != nil {
		c.In.Tell.linef("the shell ended: %v", err)
	}
	return nil
}

// guided asks, shows the answers and the plan, and installs when the disk's name was typed. Whatever ends it, what was
// answered is the default of the next round; no disk and no consent ever is.
func (c *Console) guided(ctx context.Context) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	p, err := c.questions(ctx)
	if errors.Is(err, ErrAborted) {
		return
	}
	if err != nil {
		c.In.Tell.linef("error: %v", err)
		return
	}
	end, err := c.In.begin()
	if err != nil {
		c.In.Tell.linef("error: %v", err)
		return
	}
	err = c.In.Install(ctx, p)
	c.sum(err)
	end()
	if err == nil {
		c.after(ctx, p.Answers.Node.Install.After)
	}
}

func (c *Console) sum(err error) {
	if err != nil {
		c.In.Tell.linef("error: %v", err)
		c.In.Tell.linef("the log is %s; the disk does not boot", logFile)
	}
	c.In.Tell.end(exit.Code(err), err)
}

// questions lead to a plan that the person has agreed to.
func (c *Console) questions(ctx context.Context) (*Plan, error) {
	m, err := c.In.Manifest()
	if err != nil {
		return nil, err
	}
	a, err := c.answersFor(ctx, m)
	if err != nil {
		return nil, err
	}
	p, err := c.In.Look(ctx, *a, nil)
	if err != nil {
		return nil, err
	}
	c.In.Tell.linef("\nThe answers, as they will be kept on the new system:\n\n%s", a.Text)
	c.In.Tell.plan(p)
	return p, confirm(ctx, c.Ask, p.Choice.System.Disk)
}

func (c *Console) answersFor(ctx context.Context, m *manifest.Manifest) (*Answers, error) {
	s, err := c.In.state(ctx, m, c.given)
	if err != nil {
		return nil, err
	}
	if len(m.Profiles) == 0 {
		return nil, exit.With(exit.Refused, errors.New("the image serves no storage profile"))
	}
	return c.guide(ctx, s)
}
