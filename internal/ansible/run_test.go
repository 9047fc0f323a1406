package ansible

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
)

type fileParams struct {
	Path    string `param:"path,path,required"`
	Content string `param:"content"`
	Secret  bool   `param:"secret,default=false"`
	Token   string `param:"token,no_log"`
}

// fileModule keeps one file as it is asked to.
var fileModule = New(fakeDocs, func(_ context.Context, t *Task, p fileParams) ([]host.Change, error) {
	t.Return("size", len(p.Content))
	return t.Host.Need(host.Dir{Path: "/srv/new", Mode: 0o750}, host.File{Path: p.Path, Content: p.Content, Mode: 0o644, Secret: p.Secret})
})

func runOn(t *testing.T, h *host.Host, m Module, arguments string) map[string]any {
	t.Helper()
	return m.Run(t.Context(), h, strings.NewReader(arguments))
}

func asText(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestCheckModeForetellsWhatTheRunDoesAndTheNextRunFindsNothing(t *testing.T) {
	h := hosttest.New(t, "-- etc/motd --\nold\n").Host
	arguments := `{"path": "/etc/motd", "content": "new\n", "_ansible_diff": true, "_ansible_verbosity": 1%s}`
	const diff = `[{"prepared":"create directory /srv/new (0750)\n"},{"after":"new\n","after_header":"/etc/motd","before":"old\n","before_header":"/etc/motd"}]`
	const common = `"changed":true,"changes":["create directory /srv/new (0750)","write /etc/motd"],"diff":` + diff +
		`,"invocation":{"module_args":{"content":"new\n","path":"/etc/motd","secret":false,"token":null}}`
	foretold := runOn(t, h, fileModule, fmt.Sprintf(arguments, `, "_ansible_check_mode": true`))
	if got := asText(t, foretold); got != `{`+common+`,"msg":"would make 2 changes","size":4}` {
		t.Errorf("check mode: %s", got)
	}
	if data, err := h.ReadFile("/etc/motd"); string(data) != "old\n" || err != nil {
		t.Errorf("check mode wrote %q, %v", data, err)
	}
	if got := asText(t, runOn(t, h, fileModule, fmt.Sprintf(arguments, ""))); got != `{`+common+`,"msg":"made 2 changes","size":4}` {
		t.Errorf("run: %s", got)
	}
	again := runOn(t, h, fileModule, fmt.Sprintf(arguments, ""))
	if again["changed"] != false || again["diff"] != nil || again["msg"] != "nothing to change" {
		t.Errorf("again: %s", asText(t, again))
	}
	quiet := runOn(t, h, fileModule, `{"path": "/etc/motd", "content": "newer"}`)
	if quiet["changed"] != true || quiet["diff"] != nil || quiet["changes"] != nil {
		t.Errorf("without -v and --diff: %s", asText(t, quiet))
	}
}

func TestWithoutInvocationWhenTheControllerWantsNone(t *testing.T) {
	h := hosttest.New(t, "").Host
	if got := runOn(t, h, fileModule, `{"path": "/x", "_ansible_inject_invocation": false}`); got["invocation"] != nil || got["changed"] != true {
		t.Errorf("%s", asText(t, got))
	}
}

// changesModule returns the changes that a test makes, whatever the task says.
func changesModule(plan func(ctx context.Context, t *Task) ([]host.Change, error)) Module {
	return New(fakeDocs, func(ctx context.Context, t *Task, _ struct{}) ([]host.Change, error) { return plan(ctx, t) })
}

func TestFailuresTellHowFarTheyCame(t *testing.T) {
	good := host.Mkdir{Path: "/srv", Mode: 0o755}
	bad := host.Call{Why: "load the rules", Do: func(context.Context) error { return errors.New("no space") }}
	for _, c := range []struct {
		name, want string
		changes    []host.Change
		err        error
	}{
		{"nothing done", `{"changed":false,"failed":true,"msg":"load the rules: no space"}`, []host.Change{bad, good}, nil},
		{"half done", `{"changed":true,"changes":["create directory /srv (0755)"],"failed":true,"msg":"load the rules: no space (made 1 change of 3 before)"}`, []host.Change{good, bad, good}, nil},
		{"left over", `{"changed":true,"changes":["create directory /srv (0755)"],"failed":true,"msg":"everything was done, and still this is to do: create directory /srv (0755)"}`, []host.Change{good}, nil},
		{"plan", `{"changed":false,"failed":true,"msg":"one; two"}`, nil, errors.Join(errors.New("one"), errors.New("two"))},
		{"one text", `{"changed":false,"failed":true,"msg":"one, then two; three"}`, nil, errors.Join(fmt.Errorf("%w, then %w", errors.New("one"), errors.New("two")), errors.New("three"))},
	} {
		m := changesModule(func(context.Context, *Task) ([]host.Change, error) { return c.changes, c.err })
		got := runOn(t, hosttest.New(t, "").Host, m, `{"_ansible_inject_invocation": false}`)
		if asText(t, got) != c.want {
			t.Errorf("%s: %s, want %s", c.name, asText(t, got), c.want)
		}
	}
}

func TestReturnValuesAreThoseOfTheFirstPlanAndOfItsChanges(t *testing.T) {
	missing := 5
	m := changesModule(func(_ context.Context, t *Task) ([]host.Change, error) {
		t.Return("added", missing)
		if missing == 0 {
			return nil, nil
		}
		return []host.Change{host.Call{Why: "add", Do: func(context.Context) error {
			missing = 0
			t.Return("generation", 7)
			return nil
		}}}, nil
	})
	got := runOn(t, nil, m, `{}`)
	if asText(t, []any{got["added"], got["generation"], got["failed"]}) != "[5,7,null]" {
		t.Errorf("%s", asText(t, got))
	}
}

func TestWhatNoResultMayHoldIsAFailure(t *testing.T) {
	for name, value := range map[string]any{"results": 1, "rc": 0, "_ansible_x": 1, "failed": false, "changed": "no", "ratio": math.NaN(), "f": func() {}} {
		m := changesModule(func(_ context.Context, t *Task) ([]host.Change, error) { t.Return(name, value); return nil, nil })
		got := runOn(t, nil, m, `{}`)
		if _, kept := got[name]; got["failed"] != true || kept && name != "failed" && name != "changed" || got["changed"] != false {
			t.Errorf("%s: %s", name, asText(t, got))
		}
	}
}

func TestAPanicIsAFailureWithItsStack(t *testing.T) {
	m := changesModule(func(context.Context, *Task) ([]host.Change, error) { panic("out of range") })
	got := runOn(t, nil, m, `{}`)
	stack := fmt.Sprint(got["exception"])
	if got["msg"] != "the module has a bug: out of range" || !strings.Contains(stack, "run_test.go") || !strings.HasSuffix(stack, "\npanic: out of range") {
		t.Errorf("%s", asText(t, got))
	}
}

func TestASignalStopsBetweenChanges(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	m := changesModule(func(context.Context, *Task) ([]host.Change, error) {
		stop := host.Call{Why: "wait", Do: func(context.Context) error { cancel(errors.New("terminated")); return nil }}
		return []host.Change{stop, host.Mkdir{Path: "/srv", Mode: 0o755}}, nil
	})
	h := hosttest.New(t, "").Host
	got := m.Run(ctx, h, strings.NewReader(`{}`))
	want := "interrupted, terminated: create directory /srv (0755): context canceled (made 1 change of 2 before)"
	if got["msg"] != want || got["changed"] != true || h.Exists("/srv") {
		t.Errorf("%s", asText(t, got))
	}
}

// Every byte that Ansible's parser could stumble over is escaped.
func TestTheResultIsOneLineOfASCII(t *testing.T) {
	m := changesModule(func(_ context.Context, t *Task) ([]host.Change, error) {
		t.Return("text", "a\n{\u0085\u2028\xff\x00ü𝄞<\xed\xa0\x80}")
		return nil, nil
	})
	var out bytes.Buffer
	if err := print(&out, runOn(t, nil, m, `{"_ansible_inject_invocation": false}`)); err != nil {
		t.Fatal(err)
	}
	want := `{"changed":false,"msg":"nothing to change","text":"a\n{\u0085\u2028\ufffd\u0000\u00fc\ud834\udd1e<\ufffd\ufffd\ufffd}"}`
	if out.String() != "\n"+want+"\n" || !json.Valid([]byte(want)) {
		t.Errorf("got %s", out.String())
	}
}

func main3(t *testing.T, stdin string, args ...string) (code int, out, err string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	echo := New(strings.ReplaceAll(fakeDocs, "fake", "echo"), func(_ context.Context, t *Task, _ struct{}) ([]host.Change, error) {
		t.Return("msg", "echo for "+t.Module)
		return nil, nil
	})
	code = Main(args, strings.NewReader(stdin), &stdout, &stderr, fileModule, echo)
	return code, strings.TrimSpace(stdout.String()), strings.TrimSpace(stderr.String())
}

func TestTheModuleIsFoundByEveryName(t *testing.T) {
	file := filepath.Join(t.TempDir(), "args")
	if err := os.WriteFile(file, []byte(`{"_ansible_module_name": "debvisor.core.echo", "_ansible_inject_invocation": false}`), 0o600); err != nil {
		t.Fatal(err)
	}
	const good = `{"changed":false,"msg":"echo for debvisor.core.echo"}`
	for _, args := range [][]string{
		{"/tmp/AnsiballZ_debvisor-modules", file},
		{"debvisor-modules", "echo", file},
	} {
		if code, out, _ := main3(t, "", args...); code != 0 || out != good {
			t.Errorf("%q: %d %s", args, code, out)
		}
	}
	for _, program := range []string{"AnsiballZ_echo", "/x/echo.bin", "AnsiballZ_echo.amd64"} {
		if code, out, _ := main3(t, `{"_ansible_inject_invocation": false}`, program, "-"); code != 0 || !strings.Contains(out, `"echo for echo"`) {
			t.Errorf("%s: %d %s", program, code, out)
		}
	}
	if code, out, _ := main3(t, `{"_ansible_module_name": "debvisor.core.ehco"}`, "x", "-"); code != 1 || !strings.Contains(out, `there is no module \"debvisor.core.ehco\" here, but fake, echo`) {
		t.Errorf("%d %s", code, out)
	}
}

func TestPeopleAreHelped(t *testing.T) {
	for _, c := range []struct {
		args, out, err string
		code           int
	}{
		{"--help", "debvisor-modules NAME FILE", "", 0},
		{"--version", "debvisor-modules ", "", 0},
		{"--list", "fake                 does nothing\necho                 does nothing\n2 modules", "", 0},
		{"echo --help", "module: echo", "", 0},
		{"eco --help", "", `error: there is no module "eco" here, but fake, echo`, 2},
		{"echo", "", "error: no arguments for echo", 2},
		{"", "", "error: a file with arguments is needed", 2},
		{"a b c", "", "error: a file", 2},
		{"echo /not/there", `"read the arguments: open /not/there: no such file or directory"`, "", 1},
	} {
		code, out, err := main3(t, "", append([]string{"debvisor-modules"}, strings.Fields(c.args)...)...)
		if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(err, c.err) {
			t.Errorf("%s: %d %q %q", c.args, code, out, err)
		}
	}
}

// The process's own standard output belongs to the result alone.
func TestWhatElseIsPrintedGoesToTheStandardError(t *testing.T) {
	kept := os.Stdout
	defer func() { os.Stdout = kept }()
	saved, err := syscall.Dup(1)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Dup3(saved, 1, 0)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Dup3(int(w.Fd()), 1, 0); err != nil {
		t.Fatal(err)
	}
	w.Close()
	m := changesModule(func(context.Context, *Task) ([]host.Change, error) {
		fmt.Fprintln(os.Stdout, "{a library talks}")
		return nil, nil
	})
	if code := Main([]string{"fake", "-"}, strings.NewReader(`{"_ansible_inject_invocation": false}`), os.Stdout, os.Stderr, m); code != 0 {
		t.Error(code)
	}
	if err := syscall.Dup3(saved, 1, 0); err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if _, err := got.ReadFrom(r); err != nil || got.String() != "\n{\"changed\":false,\"msg\":\"nothing to change\"}\n" {
		t.Errorf("%q, %v", got.String(), err)
	}
}
