package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Cmd is a command to run. Args[0] is looked up in PATH.
type Cmd struct {
	Args   []string
	Stdin  string            // what the command reads; never printed
	Env    []string          // added to the environment, KEY=value
	Dir    string            // where it runs, a path of this system; where the program itself does when empty
	Secret bool              // Args hold something that must not be printed
	Line   func(line string) // called with each line of standard output and standard error, as it comes
}

// String is the command as one would type it.
func (c Cmd) String() string {
	if c.Secret {
		return c.Args[0] + " …"
	}
	quoted := make([]string, len(c.Args))
	for i, a := range c.Args {
		quoted[i] = quote(a)
	}
	return strings.Join(quoted, " ")
}

func quote(s string) string {
	if s != "" && !strings.ContainsAny(s, " \t\n'\"\\$&|;<>()*?[]#~`{}") {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// Runner runs a command and returns its standard output. The error holds the command and what it said.
type Runner interface {
	Run(ctx context.Context, c Cmd) ([]byte, error)
}

// ErrMissing is in the error of a command that is not installed.
var ErrMissing = exec.ErrNotFound

// System runs commands on this system, in the C locale and in UTC. A command that outlives its context is ended with
// everything it started.
type System struct{}

// Run implements Runner.
func (System) Run(ctx context.Context, c Cmd) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	cmd := command(ctx, c)
	cmd.Stdin = strings.NewReader(c.Stdin)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if c.Line != nil {
		lines := &lineWriter{emit: c.Line}
		defer lines.flush()
		cmd.Stdout, cmd.Stderr = io.MultiWriter(&stdout, lines), io.MultiWriter(&stderr, lines)
	}
	err := cmd.Run()
	if ctx.Err() != nil && cmd.Process != nil {
		// What ignores TERM, and its children, would outlive the leader. The group may be gone already.
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	if err != nil {
		return stdout.Bytes(), commandError(ctx, c, err, stderr.String())
	}
	return stdout.Bytes(), nil
}

func command(ctx context.Context, c Cmd) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	cmd.Env = append(append(os.Environ(), "LC_ALL=C.UTF-8", "TZ=UTC"), c.Env...)
	if cmd.Dir = c.Dir; c.Dir != "" {
		cmd.Env = append(cmd.Env, "PWD="+c.Dir)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

func commandError(ctx context.Context, c Cmd, err error, stderr string) error {
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if said := lastLines(stderr, 10); said != "" {
		return fmt.Errorf("run %s: %w: %s", c, err, said)
	}
	return fmt.Errorf("run %s: %w", c, err)
}

// lastLines keeps errors readable: apt and friends print pages before they say why.
func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// lineWriter cuts a stream into lines; standard output and standard error share one, hence the lock.
type lineWriter struct {
	emit func(string)
	mu   sync.Mutex
	part []byte
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.part = append(w.part, p...)
	for {
		i := bytes.IndexAny(w.part, "\n\r")
		if i < 0 {
			return len(p), nil
		}
		w.emit(string(w.part[:i]))
		w.part = w.part[i+1:]
	}
}

func (w *lineWriter) flush() {
	if len(w.part) > 0 {
		w.emit(string(w.part))
	}
}

// ExitCode is the exit status in a command's error, or -1 when it did not run to an exit.
func ExitCode(err error) int {
	var e *exec.ExitError
	if errors.As(err, &e) {
		return e.ExitCode()
	}
	return -1
}
