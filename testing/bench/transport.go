package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"debvisor/internal/blocklist/addrset/sample"
	"debvisor/testing/lab"
)

// core is the ansible-core that plays are run with: this host's.
var core = lab.Cores[0]

const (
	warmTasks = 20
	coldTasks = 10
)

// measureTransport runs plays of many equal tasks on a node, over ssh and with Ansible's default settings. What a play
// takes that has none of these tasks is taken off; what is left, divided, is a task.
func measureTransport(ctx context.Context, b bench, f []Figure) (err error) {
	defer os.RemoveAll(b.work())
	p, err := b.newPlays(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.lab.Close()) }()
	// Once, so that nothing changes from then on.
	for _, task := range []string{p.ours, p.python, p.copied} {
		if err := p.settle(ctx, task); err != nil {
			return err
		}
	}
	if err := p.measure(ctx, &f[0], "", p.ours, p.python, warmTasks, b.runs); err != nil {
		return err
	}
	return p.measure(ctx, &f[1], p.forget, p.ours, p.copied, coldTasks, b.runs)
}

// settle has a task do all that it has to do, and makes sure that it then has nothing left to do.
func (p *plays) settle(ctx context.Context, task string) error {
	for range 2 {
		if _, err := p.run(ctx, task)(); err != nil {
			return err
		}
	}
	if !strings.Contains(p.said, "changed=1 ") { // the task that connects
		return fmt.Errorf("a task changes something each time:\n%s", p.said)
	}
	return nil
}

// measure compares two tasks, each after a task that prepares it, or none.
func (p *plays) measure(ctx context.Context, f *Figure, before, ours, peer string, tasks, runs int) error {
	var took [3][]float64
	for range runs {
		for i, task := range []string{"", ours, peer} {
			u, err := p.run(ctx, strings.Repeat(before+task, tasks))()
			if err != nil {
				return err
			}
			took[i] = append(took[i], u.seconds[0]*1000/float64(tasks))
		}
	}
	empty := median(took[0])
	f.set(less(took[1], empty), less(took[2], empty))
	return nil
}

// plays is a node to run plays on, and their tasks as YAML.
type plays struct {
	lab                          *lab.Lab
	dir                          string
	ours, python, copied, forget string
	count                        int
	said                         string // by the last play
}

func (b bench) newPlays(ctx context.Context) (*plays, error) {
	dir, err := b.workspace()
	if err != nil {
		return nil, err
	}
	l, err := lab.Start(ctx, lab.Options{Nodes: 1, Progress: os.Stderr})
	if err != nil {
		return nil, err
	}
	p := &plays{lab: l, dir: dir}
	const block, allow = "/etc/debvisor/blocklist.txt", "/etc/debvisor/blocklist-whitelist.txt"
	lists := fmt.Sprintf("{sources: [%s], whitelists: [%s]", block, allow)
	p.ours = fmt.Sprintf("    - debvisor.core.blocklist: %s}\n", lists)
	p.copied = fmt.Sprintf("    - blocklist: %s}\n", lists)
	p.python = fmt.Sprintf("    - python_blocklist: %s, target: /var/tmp/python.conf}\n", lists)
	p.forget = "    - raw: rm -rf /usr/libexec/debvisor/modules /var/cache/debvisor/modules\n"
	if err := errors.Join(p.library(b.modules), p.onNode(ctx, block, sample.Block4(100, 1)), p.onNode(ctx, allow, whitelist(10, 100, 1))); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return p, nil
}

// library puts beside the plays what Ansible finds there: the peers. A binary that no action plugin knows is copied for
// every task.
func (p *plays) library(modules string) error {
	dir := filepath.Join(p.dir, "library")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return errors.Join(os.WriteFile(filepath.Join(dir, "python_blocklist.py"), []byte(pythonModule), 0o644), os.Symlink(modules, filepath.Join(dir, "blocklist")))
}

func (p *plays) onNode(ctx context.Context, path string, content []byte) error {
	_, err := p.lab.Node(1).ExecInput(ctx, string(content), "tee", path)
	return err
}

// run runs a play with these tasks. Its first task only connects, so that it does not count who comes first.
func (p *plays) run(ctx context.Context, tasks string) task {
	return func() (used, error) {
		p.count++
		name := filepath.Join(p.dir, fmt.Sprintf("play%d.yml", p.count))
		text := "- hosts: node1\n  gather_facts: false\n  tasks:\n    - raw: \"true\"\n" + tasks
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			return used{}, err
		}
		start := time.Now()
		var err error
		if p.said, err = p.lab.Playbook(ctx, core, name); err != nil {
			return used{}, fmt.Errorf("%w\n%s", err, p.said)
		}
		return used{seconds: []float64{time.Since(start).Seconds()}}, nil
	}
}
