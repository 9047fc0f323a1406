package installer

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"debvisor/config"
	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
)

// screen is a console's output, read while it is written.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// terminal is a console under test with somebody, or nobody, at its keyboard.
type terminal struct {
	t      *testing.T
	out    *screen
	typing *os.File
	done   chan error
}

func (x *terminal) wait(text string) {
	x.t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if strings.Contains(x.out.String(), text) {
			return
		}
	}
	x.t.Fatalf("the console never said %q:\n%s", text, x.out)
}

func (x *terminal) types(text string) {
	x.t.Helper()
	if _, err := x.typing.WriteString(text); err != nil {
		x.t.Fatal(err)
	}
}

// console starts a console on a machine; it ends with the test.
func console(t *testing.T, m *hosttest.Machine, wait int) *terminal {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	x := &terminal{t: t, out: &screen{}, typing: w, done: make(chan error, 1)}
	in := &Installer{Live: m.Host, Medium: "/medium", Target: "/target", Key: "/key.pub", Tell: &Teller{Out: x.out}, Pause: noTime}
	m.Runner.Answer("udevadm settle --timeout=30", "")
	line, err := ReadCmdline(m.Host)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	c := Console{In: in, Ask: &Prompts{In: r, Out: x.out}, Cmdline: line, Stdin: r, Wait: wait}
	go func() { x.done <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		w.Close()
		<-x.done
		r.Close()
	})
	return x
}

func TestUnattendedWithoutAnswersFailsAndStaysOnTheError(t *testing.T) {
	m := hosttest.New(t, "-- proc/cmdline --\nboot=live debvisor.install=auto\n-- run/.keep --\n")
	m.Runner.Answer(lsblk, noMedia)
	x := console(t, m, 1)
	x.wait("DEBVISOR-INSTALL-FAILED 2 no answers")
	x.wait("Press Enter for the menu")
	x.types("\n")
	x.wait("DebVisor installer\n  1) Install DebVisor\n  2) Shell\n  3) Reboot\n")
}

func TestThreeMistakesAreShownAtOnceAndNothingIsLookedAt(t *testing.T) {
	bad := "version: 1\nhost: {fqdn: hv01}\nusers: []\nstorage: {profile: zsf, system: {match: {size: big}}}\n"
	m := hosttest.New(t, "-- proc/cmdline --\nboot=live debvisor.install=auto\n-- run/.keep --\n-- medium/debvisor/answers.slot --\n"+bad)
	m.Runner.Answer(lsblk, noMedia)
	x := console(t, m, 1)
	x.wait("DEBVISOR-INSTALL-FAILED 2 the slot on the install medium:2:14: host.fqdn")
	for _, want := range []string{"did you mean zfs?", "storage.system.match.size", "nobody could log in"} {
		if !strings.Contains(x.out.String(), want) {
			t.Errorf("no %q:\n%s", want, x.out)
		}
	}
}

// Nobody types anything: the countdown ends by itself, and so does the attempt.
func TestUnattendedNeverWaitsForInput(t *testing.T) {
	m := hosttest.New(t, "-- proc/cmdline --\nboot=live\n-- run/.keep --\n-- medium/debvisor/answers.slot --\n"+good("hv01"))
	m.Runner.Answer(lsblk, noMedia)
	x := console(t, m, 2)
	x.wait("hv01.lab.example will be installed unattended. Press any key to stop.")
	x.wait("  1 s")
	x.wait("DEBVISOR-INSTALL-FAILED 5 open /key.pub: no such file or directory")
	x.wait("the log is " + logFile)
}

func TestAKeyStopsTheCountdownOnBothConsoles(t *testing.T) {
	m := hosttest.New(t, "-- proc/cmdline --\nboot=live\n-- run/.keep --\n-- medium/debvisor/answers.slot --\n"+good("hv01"))
	m.Runner.Answer(lsblk, noMedia)
	one, two := console(t, m, 30), console(t, m, 30)
	one.wait("30 s")
	two.wait("30 s")
	one.types("x")
	one.wait("stopped\n")
	two.wait("stopped on the other console")
	for _, x := range []*terminal{one, two} {
		x.wait("1) Install DebVisor")
		if strings.Contains(x.out.String(), endMark) {
			t.Errorf("it went on:\n%s", x.out)
		}
	}
}

// The console that does not get the lock shows what the other one does, to its end.
func TestTheOtherConsoleFollows(t *testing.T) {
	m := hosttest.New(t, "-- proc/cmdline --\nboot=live debvisor.install=auto\n-- run/.keep --\n-- medium/debvisor/answers.slot --\n"+good("hv01"))
	m.Runner.Answer(lsblk, noMedia)
	winner := &Installer{Live: m.Host, Tell: &Teller{Out: &screen{}}}
	end, err := winner.begin()
	if err != nil {
		t.Fatal(err)
	}
	x := console(t, m, 1)
	x.wait(elsewhere)
	winner.Tell.line("[1/6] partition")
	x.wait("[1/6] partition")
	winner.Tell.end(0, nil)
	end()
	x.wait("DEBVISOR-INSTALL-DONE")
}

func TestTheOtherConsoleNoticesThatTheInstallerDied(t *testing.T) {
	m := hosttest.New(t, "-- proc/cmdline --\nboot=live debvisor.install=auto\n-- run/.keep --\n-- medium/debvisor/answers.slot --\n"+good("hv01"))
	m.Runner.Answer(lsblk, noMedia)
	winner := &Installer{Live: m.Host, Tell: &Teller{Out: &screen{}}}
	end, err := winner.begin()
	if err != nil {
		t.Fatal(err)
	}
	x := console(t, m, 1)
	x.wait(elsewhere)
	end()
	x.wait("ended without a result")
}

func TestTheMenuReboots(t *testing.T) {
	m := hosttest.New(t, "-- proc/cmdline --\nboot=live\n-- run/.keep --\n")
	m.Runner.Answer(lsblk, noMedia)
	rebooted := make(chan struct{}, 1)
	m.Runner.Do("systemctl reboot", func(host.Cmd) { rebooted <- struct{}{} })
	x := console(t, m, 1)
	x.wait("1) Install DebVisor")
	x.types("3\n")
	select {
	case <-rebooted:
	case <-time.After(10 * time.Second):
		t.Fatalf("no reboot:\n%s", x.out)
	}
}

// A serial line where the disk's name must be typed; what is wrong leads nowhere.
func TestOnlyTheEndOfTheSerialConfirms(t *testing.T) {
	d := fixture(t)[0]
	var out bytes.Buffer
	p := &Prompts{In: strings.NewReader("yes\ny\n\nX0K1\n"), Out: &out}
	if err := confirm(t.Context(), p, d); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "type X0K1 to begin"); n != 3 {
		t.Errorf("refused %d times:\n%s", n, out.String())
	}
	d.Serial = ""
	if confirmation(d) != "sda" {
		t.Errorf("without a serial: %q", confirmation(d))
	}
}

// Whatever ends a round of questions, the next one begins with its answers, but for disks and consent.
func TestAnswersAreTheDefaultsOfTheNextRound(t *testing.T) {
	out := &bytes.Buffer{}
	typed := "hv01.lab.example\nUTC\nus\nops\n" + key + "\n\n1\n1\n20\n\n2\n1\nS3Z8NX0K1\n"
	c := &Console{In: &Installer{Tell: &Teller{Out: out}}, Ask: &Prompts{In: strings.NewReader(typed), Out: out}}
	if _, err := c.guide(t.Context(), begin(t)); !errors.Is(err, ErrAborted) {
		t.Fatalf("%v\n%s", err, out)
	}
	s := begin(t)
	s.Node = *c.given
	for path, want := range map[string]string{
		"host.fqdn": "hv01.lab.example", "users[0].name": "ops", "users[0].ssh_keys": key, "network.ports": "52:54:00:00:00:01",
		"network.vlan": "20", "storage.profile": "zfs", "storage.system": "", "storage.wipe": "",
	} {
		if q := question(t, s, path); q.Default != want {
			t.Errorf("%s: default %q, want %q", path, q.Default, want)
		}
	}
	s = s.Answer(question(t, s, "storage.system"), "/dev/nvme0n1")
	if len(s.Node.Storage.Wipe) > 0 {
		t.Errorf("consent is left over: %v", s.Node.Storage.Wipe)
	}
}

// A card that earlier answers named and that is not there is asked for, also where there is but one.
func TestAPortThatIsNotThereIsAskedFor(t *testing.T) {
	s := begin(t)
	s.Cards = s.Cards[:1]
	s.Node.Network.Ports = []config.Port{{MAC: "52:54:00:00:00:99"}}
	q := question(t, s, "network.ports")
	if q.Default != "" || q.Check("52:54:00:00:00:01") != nil {
		t.Errorf("%+v", q)
	}
}

func TestAPasswordIsOnlyKeptAsAHash(t *testing.T) {
	m := hosttest.New(t, "")
	m.Runner.Answer("openssl passwd -6 -stdin", "$6$saltsaltsalt$Vn1Rk9DzSp0ZkRT6eRn0Z1Wd6F8gqTq6c7E0sQkzHqM\n")
	var out bytes.Buffer
	c := &Console{In: &Installer{Live: m.Host, Tell: &Teller{Out: &out}}, Ask: &Prompts{In: strings.NewReader("short\ncorrect horse\nother\ncorrect horse\n"), Out: &out}}
	s := begin(t)
	s.Node.Users = []config.User{{Name: "ops", Admin: true}}
	got, err := c.ask(t.Context(), question(t, s, passwordPath))
	if err != nil || !strings.HasPrefix(got, "$6$") {
		t.Fatalf("%q, %v\n%s", got, err, out.String())
	}
	if strings.Contains(out.String(), "correct horse") || strings.Contains(m.Runner.Ran(), "correct horse") {
		t.Errorf("the password is visible:\n%s", out.String())
	}
}
