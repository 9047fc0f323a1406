package installer

import (
	"context"
	"errors"
	"time"

	"debvisor/internal/disk"
	"debvisor/internal/exit"
	"debvisor/internal/host"
	"debvisor/internal/step"
)

// run is one installation: the plan, and the new system as far as it exists.
type run struct {
	in    *Installer
	plan  *Plan
	new   *host.Host
	began time.Time
	took  []stepTime
}

type stepTime struct {
	step string
	took time.Duration
}

func (in *Installer) newRun(p *Plan) *run {
	return &run{in: in, plan: p, new: in.target(), began: time.Now()}
}

// diskSteps make changes to the live system and the disk. They destroy data, so the first of them claims the disk and is
// refused unless that is what was planned; one that was interrupted leaves a disk that must be named for wiping.
func (r *run) diskSteps() []step.Step {
	return []step.Step{
		{Name: "partition", Plan: r.partition},
		{Name: "format", Plan: r.format},
	}
}

const removeMedium = "remove the install medium: a machine that starts from it again comes back to the installer, not to the new system"

// systemSteps make changes to the new system.
func (r *run) systemSteps() []step.Step {
	return []step.Step{
		{Name: "unpack", Plan: r.unpack},
		{Name: "configure", Plan: r.configure},
		{Name: "bootloader", Plan: r.bootloader},
		{Name: "finish", Plan: r.finish, Note: removeMedium},
	}
}

// runners are the two halves of the work. They keep no journal: a live system forgets it, and the disk itself tells how far
// an installation got.
func (r *run) runners() (disks, system step.Runner) {
	before := len(r.diskSteps())
	disks = step.Runner{Host: r.in.Live, Tell: func(e step.Event) { r.tell(e, 0) }}
	system = step.Runner{Host: r.new, Tell: func(e step.Event) { r.tell(e, before) }}
	return disks, system
}

// tell passes an event on, numbered in the whole list.
func (r *run) tell(e step.Event, before int) {
	e.Number += before
	e.Of = len(r.diskSteps()) + len(r.systemSteps())
	if e.Phase == "done" {
		r.took = append(r.took, stepTime{e.Step, e.Took})
	}
	r.in.Tell.step(e)
}

// Show tells what each step would do now.
func (in *Installer) Show(ctx context.Context, p *Plan) error {
	r := in.newRun(p)
	disks, system := r.runners()
	if _, err := disks.Plan(ctx, r.diskSteps()); err != nil {
		return err
	}
	_, err := system.Plan(ctx, r.systemSteps())
	return err
}

// Install carries out a plan: the payload is checked first, then the disk is written. After an error nothing is mounted
// and the disk does not boot; an error before the first write leaves the disk as it was.
func (in *Installer) Install(ctx context.Context, p *Plan) error {
	r := in.newRun(p)
	if err := r.verify(ctx); err != nil {
		return err
	}
	disks, system := r.runners()
	_, err := disks.Run(ctx, r.diskSteps())
	if err == nil {
		_, err = system.Run(ctx, r.systemSteps())
	}
	if err != nil {
		return errors.Join(refused(err), r.cleanUp(context.WithoutCancel(ctx)))
	}
	return nil
}

// verify is timed as a step, but changes nothing.
func (r *run) verify(ctx context.Context) error {
	r.in.Tell.line("verify: checking the payload")
	if err := r.in.CheckPayload(ctx, r.plan.Image); err != nil {
		return err
	}
	took := time.Since(r.began)
	r.took = append(r.took, stepTime{"verify", took})
	r.in.Tell.linef("verify: the payload is what was signed, %.1f s", took.Seconds())
	return nil
}

// refused: a disk that is not what was planned any more has not been touched.
func refused(err error) error {
	if errors.Is(err, disk.ErrBusy) || errors.Is(err, disk.ErrChanged) {
		return exit.With(exit.Refused, err)
	}
	return err
}

func (r *run) cleanUp(ctx context.Context) error {
	changes, err := r.unmounts()
	if err != nil {
		return err
	}
	return r.in.Live.Apply(ctx, changes)
}
