package installer

import (
	"context"
	"errors"
	"time"

	"debvisor/internal/disk"
)

// Sticks and controllers may show up long after the consoles are there; nobody is there to try again.
const (
	patience  = 30 * time.Second
	lookPause = 2 * time.Second
)

// settle waits until udev has dealt with the devices that the kernel knows by now.
func (in *Installer) settle(ctx context.Context) {
	if _, err := in.Live.Run(ctx, "udevadm", "settle", "--timeout=30"); err != nil {
		in.Tell.linef("not waited for devices: %v", err)
	}
}

// await looks until that reports that there is nothing to wait for, or patience ends.
func (in *Installer) await(ctx context.Context, what string, look func() (again bool)) error {
	wait := in.Pause
	if wait == nil {
		wait = pause
	}
	for waited := time.Duration(0); look() && waited < patience; waited += lookPause {
		if waited == 0 {
			in.Tell.linef("waiting up to %.0f s for %s", patience.Seconds(), what)
		}
		if err := wait(ctx, lookPause); err != nil {
			return err
		}
	}
	return nil
}

// findPatiently is FindAnswers. Where the installation was told to go on by itself, there must be some.
func (in *Installer) findPatiently(ctx context.Context, c Cmdline) (a *Answers, also []string, err error) {
	stopped := in.await(ctx, "a medium with answers", func() bool {
		a, also, err = in.FindAnswers(ctx, c)
		return c.Auto && a == nil && err == nil
	})
	return a, also, errors.Join(err, stopped)
}

// lookPatiently is Look for this machine, for an installation that nobody watches.
func (in *Installer) lookPatiently(ctx context.Context, a Answers) (*Plan, error) {
	return in.planPatiently(ctx, func() (*Plan, error) { return in.Look(ctx, a, nil) })
}

func (in *Installer) planPatiently(ctx context.Context, look func() (*Plan, error)) (p *Plan, err error) {
	stopped := in.await(ctx, "what the answers mean", func() bool {
		p, err = look()
		return errors.Is(err, disk.ErrNoMatch) || errors.Is(err, errTooFew) || errors.Is(err, errCards)
	})
	return p, errors.Join(err, stopped)
}
