package host

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"syscall"
)

// Process is a command that runs beside the program: an emulator, a daemon under test.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// Streams are what a Process reads and writes; nil means nothing.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Start begins a command on this system; it ends with ctx at the latest, and with the program even when that is killed.
// With a terminal as s.In the command keeps the terminal's process group, so that keys reach it.
func Start(ctx context.Context, c Cmd, s Streams) (*Process, error) {
	cmd := command(ctx, c)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.In, s.Out, s.Err
	if s.In != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", c, err)
	}
	p := &Process{cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// Pid is the process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait blocks until the process has ended and returns how.
func (p *Process) Wait() error {
	<-p.done
	return p.err
}

// Kill ends the process at once and waits for it.
func (p *Process) Kill() error {
	if err := p.cmd.Process.Kill(); err != nil && p.running() {
		return fmt.Errorf("kill process %d: %w", p.Pid(), err)
	}
	<-p.done
	return nil
}

func (p *Process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Find is where a command is on this system, or an error that wraps ErrMissing.
func Find(name string) (string, error) { return exec.LookPath(name) }
