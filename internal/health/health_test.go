package health

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"debvisor/config"
	"debvisor/internal/guests/installed"
	"debvisor/internal/host/hosttest"
	"debvisor/internal/names"
	"debvisor/internal/tsig"

	"golang.org/x/tools/txtar"
)

// modes are those of the healthy node's files that are not 0644.
var modes = map[string]fs.FileMode{
	"/etc/debvisor/answers.yaml":          0o600,
	"/etc/shadow":                         0o640,
	"/etc/gshadow":                        0o640,
	"/etc/sudoers":                        0o440,
	"/etc/sudoers.d/debvisor":             0o440,
	"/var/lib/debvisor/firstboot.journal": 0o600,
	"/etc/ssh/ssh_host_ecdsa_key":         0o600,
	"/etc/ssh/ssh_host_ed25519_key":       0o600,
	"/etc/ssh/ssh_host_rsa_key":           0o600,
	"/home/alice/.ssh/authorized_keys":    0o600,
	"/usr/local/bin/debvisor":             0o755,
	"/usr/local/sbin/debvisor-firstboot":  0o755,
	"/usr/local/sbin/debvisor-installer":  0o755,
	names.ClusterName:                     0o755,
	tsig.TransferPath:                     0o640,
	tsig.NodePath:                         0o640,
	tsig.VMPath:                           0o640,
	tsig.NodeKeyPath:                      0o600,
	tsig.VMKeyPath:                        0o600,
	installed.RegistryPath:                0o600,
}

// patient is a node that a test makes ill.
type patient struct {
	*Node
	t *testing.T
	m *hosttest.Machine
	// said is what each command prints while all is well.
	said map[string]string
}

// healthy is the node of testdata/healthy.txtar.
func healthy(t *testing.T) *patient {
	t.Helper()
	text, err := os.ReadFile("testdata/healthy.txtar")
	if err != nil {
		t.Fatal(err)
	}
	archive := txtar.Parse(text)
	files := &txtar.Archive{Files: slices.DeleteFunc(slices.Clone(archive.Files), isCommand)}
	p := &patient{t: t, m: hosttest.New(t, string(txtar.Format(files))), said: map[string]string{}}
	for _, f := range archive.Files {
		if isCommand(f) {
			p.said[f.Name[2:]] = string(f.Data)
			p.m.Runner.Answer(f.Name[2:], string(f.Data))
		}
	}
	for name, mode := range modes {
		p.chmod(name, mode)
	}
	p.m.Owners["/etc/shadow"], p.m.Owners["/etc/gshadow"] = "root:shadow", "root:shadow"
	for _, role := range tsig.Roles {
		p.m.Owners[tsig.ServerPath(role)] = "root:bind"
	}
	p.Node = &Node{Host: p.m.Host, Root: true, Patience: 10 * time.Second, now: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)}
	return p
}

func isCommand(f txtar.File) bool { return strings.HasPrefix(f.Name, "$ ") }

func (p *patient) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *patient) where(name string) string {
	path, err := p.m.Path(name)
	p.must(err)
	return path
}

func (p *patient) chmod(name string, mode fs.FileMode) { p.must(os.Chmod(p.where(name), mode)) }

func (p *patient) remove(name string) { p.must(os.RemoveAll(p.where(name))) }

// edit replaces text in a file, which must have it.
func (p *patient) edit(name, old, new string) {
	data, err := p.m.ReadFile(name)
	p.must(err)
	p.must(os.WriteFile(p.where(name), []byte(p.swap(name, string(data), old, new)), 0o600))
}

func (p *patient) append(name, text string) {
	data, err := p.m.ReadFile(name)
	p.must(err)
	p.must(os.WriteFile(p.where(name), append(data, text...), 0o600))
}

// says replaces text in what a command prints, which must have it.
func (p *patient) says(command, old, new string) {
	p.said[command] = p.swap(command, p.said[command], old, new)
	p.m.Runner.Answer(command, p.said[command])
}

func (p *patient) swap(where, text, old, new string) string {
	p.t.Helper()
	if !strings.Contains(text, old) {
		p.t.Fatalf("%s does not hold %q", where, old)
	}
	return strings.ReplaceAll(text, old, new)
}

// fails makes a command fail.
func (p *patient) fails(command string) {
	p.swap(command, p.said[command], "", "")
	p.m.Runner.Fail(command, errBroken)
}

// text is a report as the operator reads it.
func text(n *Node, checks []Check) string {
	var b strings.Builder
	for r := range Run(context.Background(), n, checks) {
		fmt.Fprintf(&b, "%-4s  %-16s  %s\n", r.Status, r.Check, r.Detail)
	}
	return b.String()
}

func TestAHealthyNode(t *testing.T) {
	want, err := os.ReadFile("testdata/healthy.report")
	if err != nil {
		t.Fatal(err)
	}
	if got := text(healthy(t).Node, Checks()); got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAHangingCheckFailsAloneAndKeepsTheOrder(t *testing.T) {
	n := healthy(t).Node
	n.Patience, n.grace = 50*time.Millisecond, 200*time.Millisecond
	release := make(chan struct{})
	defer close(release)
	deaf := Check{Name: "deaf", look: func(context.Context, *Node, *Result) error {
		<-release // a process in the kernel's hands: it does not even hear that it should stop
		return nil
	}}
	slow := Check{Name: "slow", look: func(ctx context.Context, _ *Node, _ *Result) error {
		<-ctx.Done()
		return fmt.Errorf("run virsh: %w", ctx.Err())
	}}
	well := Check{Name: "well", look: func(_ context.Context, _ *Node, r *Result) error {
		r.ok("fine")
		return nil
	}}
	start := time.Now()
	got := text(n, []Check{deaf, slow, deaf, deaf, deaf, well})
	line := "fail  deaf              no answer within 50ms\n"
	want := line + "fail  slow              no answer within 50ms: run virsh: context deadline exceeded\n" + line + line + line + "ok    well              fine\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestWithoutRootWhatNeedsRootIsSkipped(t *testing.T) {
	n := healthy(t).Node
	n.Root = false
	for r := range Run(t.Context(), n, Checks()) {
		c := byName(r.Check)
		if c.needs&root != 0 && (r.Status != Skip || r.Detail != "needs root") || r.Status == Fail {
			t.Errorf("%+v", r)
		}
	}
}

func TestAFileThatOnlyRootMayReadIsSkippedNotFailed(t *testing.T) {
	closed := Check{Name: "closed", look: func(context.Context, *Node, *Result) error {
		return &fs.PathError{Op: "open", Path: "/x", Err: fs.ErrPermission}
	}}
	n := healthy(t).Node
	if got := text(n, []Check{closed}); got != "fail  closed            open /x: permission denied\n" {
		t.Error(got)
	}
	n.Root = false
	if got := text(n, []Check{closed}); got != "skip  closed            needs root\n" {
		t.Error(got)
	}
}

func TestASystemThatDoesNotRunIsOnlyReadAndNeverAsked(t *testing.T) {
	n := healthy(t).Node
	n.Offline = true
	n.Runner = nil // a command would panic
	for r := range Run(t.Context(), n, Checks()) {
		asked := byName(r.Check).needs&running != 0
		if asked != (r.Detail == "needs the running system") || r.Status == Fail {
			t.Errorf("%+v", r)
		}
	}
}

func TestACheckThatSaysNothingHasFailed(t *testing.T) {
	mute := Check{Name: "mute", look: func(context.Context, *Node, *Result) error { return nil }}
	if got := text(healthy(t).Node, []Check{mute}); got != "fail  mute              the check came to no result\n" {
		t.Error(got)
	}
}

func TestFindingsAreKeptAndWhatIsWellIsNot(t *testing.T) {
	var r Result
	r.ok("well")
	r.warn("odd\nthing")
	r.skip("a part")
	r.fail("broken")
	r.warn("again")
	r.ok("well")
	if want := (Result{Status: Fail, Detail: "odd thing; broken; again"}); r != want {
		t.Errorf("got %+v", r)
	}
}

func TestWithoutAnswersWhatComparesWithThemIsSkipped(t *testing.T) {
	n := healthy(t).Node
	if err := os.Remove(n.Host.Root + config.AnswersPath); err != nil {
		t.Fatal(err)
	}
	got := text(n, []Check{byName("answers"), byName("hostname"), byName("routes")})
	want := `fail  answers           open /etc/debvisor/answers.yaml: no such file or directory
skip  hostname          there is nothing to compare with: see answers
skip  routes            there is nothing to compare with: see answers
`
	if got != want {
		t.Errorf("got\n%s", got)
	}
}

func byName(name string) Check {
	all := Checks()
	return all[slices.IndexFunc(all, func(c Check) bool { return c.Name == name })]
}

var errBroken = errors.New("broken on purpose")

func TestEveryCheckIsDocumentedInOrder(t *testing.T) {
	page, err := os.ReadFile("../../docs/health.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented, listed []string
	for line := range strings.Lines(string(page)) {
		if f := strings.Split(line, " | "); len(f) == 3 && strings.HasPrefix(line, "| ") && f[0] != "| check" {
			documented = append(documented, strings.TrimPrefix(f[0], "| "))
		}
	}
	for _, c := range Checks() {
		listed = append(listed, c.Name)
	}
	if !slices.Equal(documented, listed) {
		t.Errorf("docs/health.md has\n%q\nthe checks are\n%q", documented, listed)
	}
}

var countLine = regexp.MustCompile(`(?m)^ +(\d+) ok, (\d+) warn, (\d+) skip, (\d+) fail$`)

func TestTheCountsOfTheDocumentedExampleAreThoseOfAllChecks(t *testing.T) {
	page, err := os.ReadFile("../../docs/health.md")
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	for _, count := range countLine.FindStringSubmatch(string(page)) {
		n, err := strconv.Atoi(count)
		if err == nil { // the first is the whole line
			sum += n
		}
	}
	if sum != len(Checks()) {
		t.Errorf("docs/health.md counts %d checks, there are %d", sum, len(Checks()))
	}
}
