package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"debvisor/testing/lab"
)

// walker walks scenarios one after the other.
type walker struct {
	out    io.Writer
	syntax *lab.Lab // has ansible-core 2.19 before a scenario's own lab is there
}

func (w *walker) close() error {
	if w.syntax == nil {
		return nil
	}
	return w.syntax.Close()
}

// walk is one scenario on its way, with one version of ansible-core.
type walk struct {
	*walker
	scenario
	core      string
	ephemeral string // the directory that lives as long as the walk
	command   string // debvisor-lab
}

// walk goes through the scenario's steps and destroys what it made, however it ends.
func (w *walker) walk(ctx context.Context, s scenario, core string) (err error) {
	command, err := lab.Command(ctx)
	if err != nil {
		return err
	}
	ephemeral, err := os.MkdirTemp("", "debvisor-molecule-")
	if err != nil {
		return err
	}
	k := &walk{walker: w, scenario: s, core: core, ephemeral: ephemeral, command: command}
	if err = k.steps(ctx); err != nil {
		err = fmt.Errorf("%s with ansible-core %s: %w", s, core, err)
	}
	return errors.Join(err, k.end(), os.RemoveAll(ephemeral))
}

func (k *walk) steps(ctx context.Context) error {
	c, _, err := k.read(k.environment(k.ephemeral, k.ephemeral))
	if err != nil {
		return err
	}
	for _, step := range c.Scenario.TestSequence {
		if err := k.step(ctx, step); err != nil {
			return err
		}
	}
	return nil
}

// end ends the lab if the steps did not.
func (k *walk) end() error {
	dir := k.lab()
	if _, err := os.Stat(dir); os.IsNotExist(err) {
		return nil
	}
	l, err := lab.Open(dir)
	if errors.Is(err, lab.ErrNone) {
		return lab.Clear(dir)
	}
	if err != nil {
		return err
	}
	return l.Close()
}

func (k *walk) lab() string { return filepath.Join(k.ephemeral, "lab") }

func (k *walk) step(ctx context.Context, step string) error {
	begin := time.Now()
	out, why, err := k.do(ctx, step)
	result := "ok"
	switch {
	case err != nil:
		result = "failed"
	case why != "":
		result = "skipped: " + why
	}
	fmt.Fprintf(k.out, "%s %s\t%-12s%s (%.1f s)\n", k.scenario, k.core, step, result, time.Since(begin).Seconds())
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", step, err, out)
	}
	return nil
}

// do returns what Ansible wrote, and why a step was not taken.
func (k *walk) do(ctx context.Context, step string) (out, skipped string, err error) {
	switch step {
	case "dependency":
		return "", "it is not enabled", nil
	case "syntax":
		out, err = k.play(ctx, "converge", "--syntax-check")
	case "create", "destroy", "converge":
		out, err = k.play(ctx, step)
	case "idempotence":
		out, err = k.play(ctx, "converge", "--skip-tags", "molecule-idempotence-notest")
		if err == nil {
			err = idempotent(out)
		}
	case "prepare", "side_effect", "verify", "cleanup":
		if _, missing := os.Stat(filepath.Join(k.dir, step+".yml")); missing != nil {
			return "", "there is no playbook for it", nil
		}
		if _, missing := os.Stat(k.lab()); missing != nil && step == "cleanup" {
			return "", "there is nothing yet", nil
		}
		out, err = k.play(ctx, step)
	default:
		err = fmt.Errorf("molecule.yml: there is no step %s", step)
	}
	return out, "", err
}

var (
	changedSome = regexp.MustCompile(`(?m)^\S+ +: ok=\d+ +changed=[1-9]`)
	recap       = regexp.MustCompile(`(?m)^\S+ +: ok=\d+ +changed=\d`)
)

// idempotent is an error that names the tasks which changed something.
func idempotent(out string) error {
	if !recap.MatchString(out) {
		return errors.New("ansible-playbook says nothing of what it changed")
	}
	if !changedSome.MatchString(out) {
		return nil
	}
	var tasks []string
	task := ""
	for line := range strings.Lines(out) {
		switch line = strings.TrimSpace(line); {
		case strings.HasPrefix(line, "TASK [") || strings.HasPrefix(line, "RUNNING HANDLER ["):
			task = strings.TrimRight(line, " *")
		case strings.HasPrefix(line, "changed: ["):
			tasks = append(tasks, line+" "+task)
		}
	}
	return fmt.Errorf("the second run changed something:\n%s", strings.Join(tasks, "\n"))
}

// play runs one of the scenario's playbooks.
func (k *walk) play(ctx context.Context, name string, args ...string) (string, error) {
	p, err := k.place(ctx, name, args)
	if err != nil {
		return "", err
	}
	env := k.environment(k.ephemeral, p.work)
	c, text, err := k.read(env)
	if err != nil {
		return "", err
	}
	instances, err := readInstances(env["MOLECULE_INSTANCE_CONFIG"])
	if err != nil {
		return "", err
	}
	wants, err := c.files(text, instances)
	if err != nil {
		return "", err
	}
	if err := write(ctx, p.work, wants); err != nil {
		return "", err
	}
	maps.Copy(env, c.Provisioner.Env)
	env["DEBVISOR_LAB"], env["DEBVISOR_LAB_OWNER"] = k.command, strconv.Itoa(os.Getpid())
	if k.core == lab.Cores[1] {
		env["DEBVISOR_LAB_CONTROL"] = "1"
	}
	run := []string{"ansible-playbook", "--inventory", filepath.Join(p.work, "inventory"), "--skip-tags", "molecule-notest,notest"}
	return p.run(ctx, env, append(append(run, args...), filepath.Join(k.dir, name+".yml"))...)
}

func (k *walk) read(env map[string]string) (*config, string, error) {
	data, err := os.ReadFile(filepath.Join(k.dir, "molecule.yml"))
	if err != nil {
		return nil, "", err
	}
	text, err := interpolate(string(data), value(env))
	if err != nil {
		return nil, "", err
	}
	c, err := parse(text)
	return c, text, err
}

// place is this host for ansible-core 2.14 and for what makes the lab, the control node for the rest.
func (k *walk) place(ctx context.Context, name string, args []string) (place, error) {
	if k.core == lab.Cores[0] || name == "create" || name == "destroy" {
		return place{work: filepath.Join(k.ephemeral, "work")}, os.MkdirAll(filepath.Join(k.ephemeral, "work"), 0o700)
	}
	if k.core != lab.Cores[1] {
		return place{}, fmt.Errorf("there is no ansible-core %s here", k.core)
	}
	l, err := k.control(ctx, len(args) > 0 && args[0] == "--syntax-check")
	if err != nil {
		return place{}, err
	}
	work := filepath.Join(l.Shared(), "work")
	return place{node: l.Control(), work: work}, os.MkdirAll(work, 0o700)
}

// control is the scenario's own lab; its syntax is checked before that is there.
func (k *walk) control(ctx context.Context, early bool) (l *lab.Lab, err error) {
	if !early {
		return lab.Open(k.lab())
	}
	if k.walker.syntax == nil {
		k.walker.syntax, err = lab.Start(ctx, lab.Options{Control: true})
	}
	return k.walker.syntax, err
}
