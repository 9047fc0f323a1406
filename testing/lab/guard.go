package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"debvisor/internal/host"
)

// link is the pipe to the guard. The guard ends the lab when it is closed, by whatever closes it; and the other way its
// end is seen.
type link struct {
	hold, said *os.File
	ended      chan struct{} // closed when said has ended
}

// ready is the line that the supervisor writes when all nodes are up; stay is what tells the guard that the end of the pipe
// is not the end of the lab.
const (
	ready = "ready\n"
	stay  = "stay\n"
)

// startGuard starts the guard in a session of its own, so that Ctrl-C does not reach it, and waits for the nodes.
func startGuard(ctx context.Context, command string, s *spec, owner int) (*link, error) {
	in, hold, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	said, out, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, in.Close(), hold.Close())
	}
	log, err := os.Create(filepath.Join(s.Dir, logFile))
	if err != nil {
		return nil, errors.Join(err, in.Close(), hold.Close(), said.Close(), out.Close())
	}
	args := []string{"setsid", "--fork", command, "guard", s.Dir, "--owner", strconv.Itoa(owner)}
	process, err := host.Start(ctx, host.Cmd{Args: args}, host.Streams{In: in, Out: out, Err: log})
	err = errors.Join(err, in.Close(), out.Close(), log.Close())
	l := &link{hold: hold, said: said, ended: make(chan struct{})}
	if err == nil {
		err = process.Wait() // it ends when the guard has begun
	}
	if err == nil {
		err = l.await(ctx, s.Dir)
	}
	go l.watch()
	if err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

// detach lets the lab stay.
func (l *link) detach() error {
	_, err := l.hold.WriteString(stay)
	return errors.Join(err, l.hold.Close(), l.said.Close())
}

// watch sees the end of the guard, which holds the other end of the pipe until everything is gone.
func (l *link) watch() {
	_, _ = io.Copy(io.Discard, l.said) // however the reading ends, nobody is there any more
	close(l.ended)
}

const logFile = "log"

// await returns when the nodes are up, or with what the log says.
func (l *link) await(ctx context.Context, dir string) error {
	stop := context.AfterFunc(ctx, func() { l.hold.Close() })
	defer stop()
	line, err := bufio.NewReader(l.said).ReadString('\n')
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case line == ready:
		return nil
	}
	log, readErr := os.ReadFile(filepath.Join(dir, logFile))
	return errors.Join(fmt.Errorf("start the lab: %s", strings.TrimSpace(string(log))), readErr, ignoreEOF(err))
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// close ends the lab and waits for the guard. Once is enough, and more does no harm.
func (l *link) close() error {
	err := ignoreClosed(l.hold.Close())
	<-l.ended
	return errors.Join(err, ignoreClosed(l.said.Close()))
}

// clear removes what a lab leaves outside its namespaces: its control group and its directory.
func clear(dir string) error {
	g, err := openGroups()
	if err != nil {
		return err
	}
	return errors.Join(g.remove(groupOf(dir)), g.close(), os.RemoveAll(dir))
}

// Guard starts the supervisor of the lab in dir and stays until it ends, or until whoever asked for the lab closes hold
// without a word, or until the process with the number owner ends, if it is not 0. Then it ends everything and removes it.
func Guard(ctx context.Context, dir string, hold io.Reader, owner int) error {
	held, err := (&host.Host{Root: dir}).Lock(lockFile)
	if err != nil {
		return err
	}
	defer held.Close()
	p, err := startSupervisor(ctx, dir)
	if err == nil {
		err = watch(ctx, p, hold, owner)
	}
	if err != nil {
		return err // the log is needed; whoever asked for the lab clears up
	}
	return clear(dir)
}

// startSupervisor gives it its own mounts, processes, network and control groups. The kernel ends them with unshare's
// child, which ends with unshare, which ends with the guard.
func startSupervisor(ctx context.Context, dir string) (p *host.Process, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	g, err := openGroups()
	if err != nil {
		return nil, err
	}
	args := []string{"unshare", "--mount", "--pid", "--net", "--ipc", "--cgroup", "--fork", "--kill-child=SIGKILL", "--mount-proc", self, "supervise", dir}
	err = g.within(groupOf(dir), func() (err error) {
		p, err = host.Start(context.WithoutCancel(ctx), host.Cmd{Args: args}, host.Streams{Out: os.Stdout, Err: os.Stderr})
		return err
	})
	return p, errors.Join(err, g.close())
}

func watch(ctx context.Context, p *host.Process, hold io.Reader, owner int) error {
	left := make(chan struct{}, 2)
	go func() {
		// However the reading ends, nobody is there any more.
		if word, _ := io.ReadAll(hold); string(word) != stay {
			left <- struct{}{}
		}
	}()
	if owner != 0 {
		go func() {
			awaitEnd(owner)
			left <- struct{}{}
		}()
	}
	select {
	case <-p.Done():
		return p.Wait()
	case <-left:
	case <-ctx.Done():
	}
	return p.Kill()
}

// awaitEnd returns when a process has ended. One that cannot be watched counts as ended, so that no lab stays for nobody.
func awaitEnd(pid int) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	for {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}
