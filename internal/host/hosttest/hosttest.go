// Package hosttest makes machines for tests: a temporary root filled from txtar text, and a runner that knows in advance
// what each command answers. A command nobody expected fails the test; nothing here is used outside tests.
package hosttest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"debvisor/internal/host"

	"golang.org/x/tools/txtar"
)

// Machine is a host below a temporary directory.
type Machine struct {
	*host.Host
	Runner *Runner
}

// New makes a machine whose files are those of a txtar archive ("-- etc/hostname --"). A file that is called "a -> b" is
// a symbolic link, one that ends in "/" a directory.
func New(t testing.TB, archive string) *Machine {
	t.Helper()
	root := t.TempDir()
	for _, f := range txtar.Parse([]byte(archive)).Files {
		if err := place(root, f); err != nil {
			t.Fatal(err)
		}
	}
	r := &Runner{t: t, answers: map[string]answer{}}
	return &Machine{Host: &host.Host{Root: root, Runner: r, Owners: map[string]string{}}, Runner: r}
}

func place(root string, f txtar.File) error {
	name, target, isLink := strings.Cut(f.Name, " -> ")
	p := filepath.Join(root, name)
	if strings.HasSuffix(name, "/") {
		return os.MkdirAll(p, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		return err
	}
	if isLink {
		return os.Symlink(target, p)
	}
	return os.WriteFile(p, f.Data, 0o644)
}

// Runner answers commands from a table and remembers what was run.
type Runner struct {
	t       testing.TB
	mu      sync.Mutex
	answers map[string]answer
	ran     []host.Cmd
}

type answer struct {
	out string
	err error
	do  func(host.Cmd)
}

// Answer makes a command, written as on a shell's line, print out and succeed.
func (r *Runner) Answer(line, out string) { r.set(line, answer{out: out}) }

// Fail makes a command fail.
func (r *Runner) Fail(line string, err error) { r.set(line, answer{err: err}) }

// Do makes a command succeed and have an effect.
func (r *Runner) Do(line string, effect func(host.Cmd)) { r.set(line, answer{do: effect}) }

func (r *Runner) set(line string, a answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers[line] = a
}

// Run implements host.Runner.
func (r *Runner) Run(_ context.Context, c host.Cmd) ([]byte, error) {
	r.mu.Lock()
	r.ran = append(r.ran, c)
	a, ok := r.answers[c.String()]
	r.mu.Unlock()
	if !ok {
		r.t.Errorf("unexpected command: %s", c)
		return nil, fmt.Errorf("run %s: no answer in this test", c)
	}
	if a.do != nil {
		a.do(c)
	}
	if a.err != nil {
		return nil, fmt.Errorf("run %s: %w", c, a.err)
	}
	return []byte(a.out), nil
}

// Ran lists the commands run so far, a line each, and forgets them.
func (r *Runner) Ran() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b strings.Builder
	for _, c := range r.ran {
		fmt.Fprintln(&b, c)
	}
	r.ran = nil
	return b.String()
}

// Lines is a list of changes as text, a line each.
func Lines(changes []host.Change) string {
	var b strings.Builder
	for _, c := range changes {
		fmt.Fprintln(&b, c)
	}
	return b.String()
}
