package host_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
)

func TestLinksNeverLeaveTheRoot(t *testing.T) {
	m := hosttest.New(t, `
-- etc/localtime -> /usr/share/zoneinfo/UTC --
-- usr/share/zoneinfo/UTC --
utc
-- etc/up -> ../../../../etc/passwd --
-- etc/passwd --
inside
-- loop -> loop --
`)
	for name, want := range map[string]string{"/etc/localtime": "utc\n", "/etc/up": "inside\n"} {
		if got, err := m.ReadFile(name); err != nil || string(got) != want {
			t.Errorf("read %s: %q, %v; want %q", name, got, err, want)
		}
	}
	if _, err := m.ReadFile("/loop"); err == nil || !strings.Contains(err.Error(), "too many symbolic links") {
		t.Errorf("a loop of links: %v", err)
	}
}

func TestErrorsNameThePathOnTheMachine(t *testing.T) {
	m := hosttest.New(t, "")
	_, err := m.ReadFile("/etc/none")
	if !errors.Is(err, fs.ErrNotExist) || err.Error() != "open /etc/none: no such file or directory" {
		t.Errorf("got %v", err)
	}
}

func wants() []host.Want {
	return []host.Want{
		host.Dir{Path: "/srv/data", Mode: 0o750, Owner: "root:adm"},
		host.File{Path: "/etc/hostname", Content: "hv01\n", Mode: 0o644},
		host.File{Path: "/etc/key", Content: "hunter2\n", Mode: 0o600, Secret: true},
		host.Symlink{Path: "/usr/local/sbin/x.sh", Target: "../bin/debvisor"},
		host.Absent{Path: "/etc/old"},
	}
}

const before = `
-- etc/hostname --
debian
-- etc/old --
-- usr/local/sbin/x.sh --
`

func TestApplyLeavesNothingToPlan(t *testing.T) {
	m := hosttest.New(t, before)
	changes, err := m.Need(wants()...)
	if err != nil {
		t.Fatal(err)
	}
	want := `create directory /srv/data (0750, root:adm)
write /etc/hostname
create /etc/key (0600)
link /usr/local/sbin/x.sh to ../bin/debvisor
remove /etc/old
`
	if got := hosttest.Lines(changes); got != want {
		t.Errorf("plan:\n%s\nwant:\n%s", got, want)
	}
	if err := m.Apply(context.Background(), changes); err != nil {
		t.Fatal(err)
	}
	if again, err := m.Need(wants()...); err != nil || len(again) > 0 {
		t.Errorf("second plan: %v\n%s", err, hosttest.Lines(again))
	}
}

// A run that was ended between any two changes is finished by the next one.
func TestAnyInterruptedRunIsFinishedByTheNext(t *testing.T) {
	for stop := range 5 {
		m := hosttest.New(t, before)
		changes, err := m.Need(wants()...)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Apply(context.Background(), changes[:stop]); err != nil {
			t.Fatal(err)
		}
		rest, err := m.Need(wants()...)
		if err != nil || len(rest) != len(changes)-stop {
			t.Fatalf("after %d changes %d are left, %v", stop, len(rest), err)
		}
		if err := m.Apply(context.Background(), rest); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAWrongModeIsAChange(t *testing.T) {
	m := hosttest.New(t, "-- etc/key --\nx\n")
	changes, err := m.Need(host.File{Path: "/etc/key", Content: "x\n", Mode: 0o600})
	if err != nil || hosttest.Lines(changes) != "set /etc/key to 0600\n" {
		t.Errorf("got %s, %v", hosttest.Lines(changes), err)
	}
}

func TestAFailedWriteKeepsTheOldFile(t *testing.T) {
	name := "/etc/" + strings.Repeat("x", 250) // leaves no room for the temporary name
	m := hosttest.New(t, "-- "+name[1:]+" --\nold\n")
	if err := m.Apply(t.Context(), []host.Change{host.Write{Path: name, After: "new", Mode: 0o644}}); err == nil {
		t.Fatal("no error")
	}
	if got, err := m.ReadFile(name); err != nil || string(got) != "old\n" {
		t.Errorf("file is %q, %v", got, err)
	}
}

func TestOwnersComeFromTheMachinesOwnAccounts(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to change owners")
	}
	m := hosttest.New(t, "-- etc/passwd --\nbind:x:4711:4712::/:\n-- etc/group --\nbind:x:4712:\n")
	m.Owners = nil
	file := host.File{Path: "/etc/k", Content: "k", Mode: 0o640, Owner: "root:bind"}
	changes, err := m.Need(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Apply(context.Background(), changes); err != nil {
		t.Fatal(err)
	}
	if again, err := m.Need(file); err != nil || len(again) > 0 {
		t.Errorf("second plan: %v %s", err, hosttest.Lines(again))
	}
}

func TestGlobSpeaksOfTheMachine(t *testing.T) {
	m := hosttest.New(t, "-- sys/class/net -> ../../real --\n-- real/eth0/address --\n-- real/eth1/address --\n")
	got, err := m.Glob("/sys/class/net/*/address")
	if err != nil || strings.Join(got, " ") != "/sys/class/net/eth0/address /sys/class/net/eth1/address" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestACommandsErrorSaysWhatItSaid(t *testing.T) {
	_, err := host.System{}.Run(t.Context(), host.Cmd{Args: []string{"sh", "-c", "echo no such disk >&2; exit 3"}})
	if err == nil || err.Error() != `run sh -c 'echo no such disk >&2; exit 3': exit status 3: no such disk` || host.ExitCode(err) != 3 {
		t.Errorf("got %v", err)
	}
	_, err = host.System{}.Run(t.Context(), host.Cmd{Args: []string{"debvisor-no-such-tool"}})
	if !errors.Is(err, host.ErrMissing) {
		t.Errorf("got %v", err)
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	c := host.Cmd{Args: []string{"login", "hunter2"}, Stdin: "hunter2", Secret: true}
	w := host.Write{Path: "/k", After: "hunter2", Secret: true}
	if s := c.String() + w.String() + (host.Exec{Cmd: c}).String(); strings.Contains(s, "hunter2") {
		t.Error(s)
	}
}

func TestAnEndedContextEndsTheWholeFamily(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := host.System{}.Run(ctx, host.Cmd{Args: []string{"sh", "-c", "sleep 60 & wait"}})
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 4*time.Second {
		t.Errorf("after %s: %v", time.Since(start), err)
	}
}

func TestLinesArriveWhole(t *testing.T) {
	var got []string
	cmd := host.Cmd{Args: []string{"printf", `a\nb\rc`}, Line: func(s string) { got = append(got, s) }}
	if _, err := (host.System{}).Run(t.Context(), cmd); err != nil || strings.Join(got, "|") != "a|b|c" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestALockIsHeldUntilItIsClosed(t *testing.T) {
	m := hosttest.New(t, "-- run/ --\n")
	held, err := m.Lock("/run/x.lock")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Lock("/run/x.lock"); !errors.Is(err, host.ErrLocked) {
		t.Errorf("a second lock: %v", err)
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := m.Lock("/run/x.lock")
	if err != nil {
		t.Fatalf("after the first was closed: %v", err)
	}
	again.Close()
}

func TestAppendAddsOneLine(t *testing.T) {
	h := &host.Host{Root: t.TempDir(), Runner: host.System{}}
	for _, line := range []string{"one", "two"} {
		if err := h.Apply(t.Context(), []host.Change{host.Append{Path: "/var/log/debvisor/audit.log", Line: line, Mode: 0o640}}); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := h.ReadFile("/var/log/debvisor/audit.log"); string(got) != "one\ntwo\n" || err != nil {
		t.Errorf("the log holds %q, %v", got, err)
	}
}

func TestRenameReplacesAFile(t *testing.T) {
	m := hosttest.New(t, "-- etc/new --\nnew\n-- etc/old --\nold\n")
	if err := m.Apply(t.Context(), []host.Change{host.Rename{From: "/etc/new", To: "/etc/old"}}); err != nil {
		t.Fatal(err)
	}
	if got, err := m.ReadFile("/etc/old"); string(got) != "new\n" || err != nil || m.Exists("/etc/new") {
		t.Errorf("the file holds %q, %v", got, err)
	}
	err := m.Apply(t.Context(), []host.Change{host.Rename{From: "/etc/none", To: "/etc/old"}})
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), " /etc/none ") {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestAProcessSaysWhatItUsed(t *testing.T) {
	p, err := host.Start(t.Context(), host.Cmd{Args: []string{"sh", "-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"}}, host.Streams{})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	if u := p.Usage(); u.User == 0 || u.MaxRSS < 100_000 {
		t.Errorf("used %+v", u)
	}
}

func TestACommandRunsWhereItIsTold(t *testing.T) {
	if got, err := (host.System{}).Run(t.Context(), host.Cmd{Args: []string{"sh", "-c", "pwd; echo $PWD"}, Dir: "/"}); err != nil || string(got) != "/\n/\n" {
		t.Errorf("got %q, %v", got, err)
	}
}
