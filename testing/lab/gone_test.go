package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"debvisor/internal/host"
)

// traces is what a running lab has of the system.
type traces struct {
	dir        string
	processes  map[int]string // with the time when they began, since numbers come back
	namespaces map[string]unix.FileHandle
}

// namespaceKinds are what a lab has of its own.
var namespaceKinds = []string{"mnt", "net", "pid", "ipc", "uts", "cgroup"}

func tracesOf(t *testing.T, l *Lab) traces {
	t.Helper()
	s := traces{dir: l.Dir, processes: map[int]string{}, namespaces: map[string]unix.FileHandle{}}
	for _, pid := range append(processesOf(t, l.Dir), inGroup(t, l.Dir)...) {
		began, err := beginning(pid)
		if err != nil {
			continue // a short one
		}
		s.processes[pid] = began
		for _, kind := range namespaceKinds {
			s.addNamespace(t, pid, kind)
		}
	}
	if len(s.processes) < 6 { // guard, unshare, supervisor, systemd-nspawn, systemd, and some service
		t.Fatalf("only %d processes found: this test looks in the wrong place", len(s.processes))
	}
	return s
}

func (s traces) addNamespace(t *testing.T, pid int, kind string) {
	t.Helper()
	name := fmt.Sprintf("/proc/%d/ns/%s", pid, kind)
	there, err := os.Readlink(name)
	if err != nil {
		return
	}
	here, err := os.Readlink("/proc/self/ns/" + kind)
	if err != nil {
		t.Fatal(err)
	}
	if there == here {
		return
	}
	handle, _, err := unix.NameToHandleAt(unix.AT_FDCWD, name, unix.AT_SYMLINK_FOLLOW)
	if err != nil {
		t.Logf("%s cannot be looked for later, only its processes: %v", there, err)
		return
	}
	s.namespaces[there] = handle
}

// processesOf are those that have the lab's directory in their arguments.
func processesOf(t *testing.T, dir string) []int {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []int
	for _, name := range names {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err != nil {
			t.Fatal(err)
		}
		line, err := os.ReadFile(name)
		if err == nil && bytes.Contains(line, []byte(dir)) && pid != os.Getpid() {
			found = append(found, pid)
		}
	}
	return found
}

func inGroup(t *testing.T, dir string) []int {
	t.Helper()
	g, err := openGroups()
	if err != nil {
		t.Fatal(err)
	}
	defer g.close()
	var found []int
	err = filepath.WalkDir(g.path(groupOf(dir))+"/", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "cgroup.procs" {
			return err
		}
		data, err := os.ReadFile(name)
		for _, word := range strings.Fields(string(data)) {
			pid, err := strconv.Atoi(word)
			if err != nil {
				return err
			}
			found = append(found, pid)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// beginning is the time when a process began, in ticks, or an error when it is gone.
func beginning(pid int) (string, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", err
	}
	_, after, _ := strings.Cut(string(data), ") ") // the name may have blanks
	return strings.Fields(after)[19], nil
}

// left is what of it is still there.
func (s traces) left(t *testing.T) []string {
	t.Helper()
	var left []string
	for pid, began := range s.processes {
		if now, err := beginning(pid); err == nil && now == began {
			left = append(left, fmt.Sprintf("process %d", pid))
		}
	}
	for name, handle := range s.namespaces {
		if exists(t, handle) {
			left = append(left, "namespace "+name)
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, s.dir) {
			left = append(left, "mount "+line)
		}
	}
	links, err := filepath.Glob("/sys/class/net/vb-*")
	if err != nil {
		t.Fatal(err)
	}
	return append(left, links...)
}

// leftFiles are those that a kill of everything at once may leave for the next lab to clear up.
func (s traces) leftFiles(t *testing.T) []string {
	t.Helper()
	g, err := openGroups()
	if err != nil {
		t.Fatal(err)
	}
	defer g.close()
	left, err := filepath.Glob(filepath.Join(os.TempDir(), "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{s.dir, g.path(groupOf(s.dir))} {
		if _, err := os.Stat(name); err == nil {
			left = append(left, name)
		}
	}
	return left
}

func exists(t *testing.T, handle unix.FileHandle) bool {
	t.Helper()
	any, err := os.Open("/proc/self/ns/net") // names the file system of namespaces
	if err != nil {
		t.Fatal(err)
	}
	defer any.Close()
	fd, err := unix.OpenByHandleAt(int(any.Fd()), handle, unix.O_RDONLY)
	if errors.Is(err, unix.ESTALE) {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(fd)
	return true
}

// nothingLeft waits: the kernel takes networks down behind everybody's back.
func nothingLeft(t *testing.T, left func(*testing.T) []string) {
	t.Helper()
	var last []string
	for end := time.Now().Add(dying); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if last = left(t); len(last) == 0 {
			return
		}
	}
	t.Errorf("left over:\n%s", strings.Join(last, "\n"))
}

// inEmptyTemp makes everything's temporary directory one that is empty.
func inEmptyTemp(t *testing.T) string {
	t.Helper()
	away, err := os.MkdirTemp("", "lab") // t.TempDir is too long for sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { noError(t, os.RemoveAll(away)) })
	t.Setenv("TMPDIR", filepath.Join(away, "tmp"))
	if err := os.Mkdir(os.TempDir(), 0o700); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(away, "lab")
}

// upFor runs "debvisor-lab up" as a person would and returns when its node is up.
func upFor(t *testing.T, dir string) (*Lab, *host.Process) {
	t.Helper()
	if err := Can(); err != nil {
		t.Skip(err)
	}
	program, err := Command(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	p, err := host.Start(context.Background(), host.Cmd{Args: []string{program, "up", "--nodes", "1", "--dir", dir}}, host.Streams{Out: &said, Err: &said})
	if err != nil {
		t.Fatal(err)
	}
	for {
		select {
		case <-p.Done():
			t.Fatalf("up ended: %v\n%s", p.Wait(), said.String())
		case <-time.After(50 * time.Millisecond):
		}
		l, err := Open(dir)
		if err != nil {
			continue
		}
		if _, err := l.Node(1).Exec(t.Context(), "true"); err == nil {
			return l, p
		}
	}
}

// Each way to end a lab, by signals to its processes.
func TestNothingIsLeftOfALab(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, l *Lab, p *host.Process){
		"down":                   func(t *testing.T, l *Lab, _ *host.Process) { noError(t, l.Close()) },
		"Ctrl-C":                 func(t *testing.T, _ *Lab, p *host.Process) { noError(t, syscall.Kill(p.Pid(), syscall.SIGINT)) },
		"the terminal is closed": func(t *testing.T, _ *Lab, p *host.Process) { noError(t, syscall.Kill(p.Pid(), syscall.SIGHUP)) },
		"kill -9":                func(t *testing.T, _ *Lab, p *host.Process) { noError(t, p.Kill()) },
		"kill -9 of the guard":   func(t *testing.T, l *Lab, _ *host.Process) { noError(t, killThem(t, l.Dir, "guard")) },
		"kill -9 inside":         func(t *testing.T, l *Lab, _ *host.Process) { noError(t, killThem(t, l.Dir, "supervise")) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := inEmptyTemp(t)
			l, p := upFor(t, dir)
			s := tracesOf(t, l)
			if left := s.left(t); len(left) < len(s.processes) || len(left) < len(s.processes)+len(s.namespaces)-2 {
				t.Fatalf("a running lab leaves only %d traces: this test looks in the wrong place", len(left))
			}
			end(t, l, p)
			nothingLeft(t, s.left)
			nothingLeft(t, s.leftFiles)
		})
	}
}

// A lab whose owner is interrupted while it starts is not left to itself, not even one that was to stay.
func TestNothingIsLeftOfALabThatWasStarting(t *testing.T) {
	if err := Can(); err != nil {
		t.Skip(err)
	}
	program, err := Command(t.Context())
	noError(t, err)
	for _, flag := range []string{"--detach=false", "--detach"} {
		for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGKILL} {
			dir := inEmptyTemp(t)
			p, err := host.Start(context.Background(), host.Cmd{Args: []string{program, "up", flag, "--nodes", "3", "--dir", dir}}, host.Streams{})
			noError(t, err)
			noError(t, eventually(func() error {
				_, err := os.Stat(filepath.Join(dir, "node2.console")) // some node begins to boot
				return err
			}))
			seen := traces{dir: dir, processes: map[int]string{}}
			for _, pid := range processesOf(t, dir) {
				if began, err := beginning(pid); err == nil {
					seen.processes[pid] = began
				}
			}
			noError(t, syscall.Kill(p.Pid(), s))
			if p.Wait() == nil {
				t.Errorf("%s was up before signal %d came: this test shows nothing", flag, s)
			}
			nothingLeft(t, seen.left)
			nothingLeft(t, seen.leftFiles)
		}
	}
}

func TestADetachedLabEndsWithItsOwner(t *testing.T) {
	dir := inEmptyTemp(t)
	owner, err := host.Start(t.Context(), host.Cmd{Args: []string{"sleep", "1000"}}, host.Streams{})
	noError(t, err)
	l := New(t, Options{Nodes: 1, Dir: dir, Detach: true, Owner: owner.Pid()})
	s := tracesOf(t, l)
	if _, err := l.Node(1).Exec(t.Context(), "true"); err != nil {
		t.Error(err)
	}
	noError(t, owner.Kill())
	nothingLeft(t, s.left)
	nothingLeft(t, s.leftFiles)
}

// When everything is killed at once nobody is there to remove files; the next lab does.
func TestTheNextLabClearsUp(t *testing.T) {
	dir := inEmptyTemp(t)
	l, p := upFor(t, dir)
	s := tracesOf(t, l)
	noError(t, killThem(t, dir, "guard", "up"))
	<-p.Done()
	nothingLeft(t, s.left)
	if len(s.leftFiles(t)) == 0 {
		t.Error("somebody cleared up: this test shows nothing")
	}
	l, p = upFor(t, dir)
	if pids := inGroup(t, dir); len(pids) < 4 {
		t.Errorf("the second lab has only %d processes", len(pids))
	}
	noError(t, l.Close())
	<-p.Done()
	nothingLeft(t, s.leftFiles)
}

// killThem kills the lab's processes with these verbs. They are stopped first, so that none sees another's end.
func killThem(t *testing.T, dir string, verbs ...string) error {
	t.Helper()
	var found []int
	for _, pid := range processesOf(t, dir) {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		words := strings.Split(string(line), "\x00")
		for _, verb := range verbs {
			if err == nil && filepath.Base(words[0]) == commandName && words[1] == verb {
				found = append(found, pid)
			}
		}
	}
	if len(found) != len(verbs) {
		return fmt.Errorf("found %d processes with the verbs %s", len(found), strings.Join(verbs, ", "))
	}
	var errs []error
	for _, s := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGKILL} {
		for _, pid := range found {
			errs = append(errs, syscall.Kill(pid, s))
		}
	}
	return errors.Join(errs...)
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}
