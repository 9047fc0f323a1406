package ansible_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"debvisor/internal/host"
)

// What libraries and commands print, and what values hold, never breaks the result.
func TestTheResultArrivesWhateverElseIsPrintedAndReturned(t *testing.T) {
	const tasks = `tasks:
  - name: noise
    contract: {do: noise}
  - name: odd
    contract: {do: odd}
`
	eachCore(t, func(t *testing.T, c core) {
		p := c.playbook(t, tasks, "-vvv")
		for _, w := range []struct{ task, path, want string }{
			{"noise", "", "ok"}, {"noise", "msg", "nothing to change"}, {"noise", "changed", "false"}, {"noise", "warnings", "<nil>"},
			{"odd", "odd", "nul \x00, next line \u0085, separator \u2028, not UTF-8 \ufffd\ufffd\ufffd\ufffd, brace }\n{ {{ 1 + 1 }}, 𝄞 <&>"},
			{"odd", "large", "9007199254740993"}, {"odd", "stdout_lines", "[one two]"}, {"odd", "nothing", "<nil>"}, {"odd", "warnings", "<nil>"},
		} {
			if got := p.get(t, w.task, w.path); got != w.want {
				t.Errorf("%s: %s is %q, want %q", w.task, w.path, got, w.want)
			}
		}
		if strings.Contains(p.out, "[WARNING]: Module") || p.err != nil {
			t.Errorf("%v\n%s", p.err, p.out)
		}
	})
}

func TestCheckModeDiffAndASecondRun(t *testing.T) {
	eachCore(t, func(t *testing.T, c core) {
		file := filepath.Join(collections, c.name+"-kept")
		secret := file + "-secret"
		keep := "tasks:\n  - name: keep\n    contract: {path: " + file + ", content: \"one\\ntwo\\n\"}\n" +
			"  - name: keep a secret\n    contract: {path: " + secret + ", content: unsaid-4711, secret: true}\n"
		state := func(args ...string) (changed, out string) {
			p := c.playbook(t, keep, args...)
			if p.err != nil {
				t.Fatalf("%v\n%s", p.err, p.out)
			}
			return p.get(t, "keep", "changed") + " " + p.get(t, "keep a secret", "changed"), p.out
		}
		changed, out := state("--check", "--diff")
		if _, err := os.Stat(file); changed != "true true" || !strings.Contains(out, "+two\n") || !os.IsNotExist(err) {
			t.Errorf("check mode: %s, %v\n%s", changed, err, out)
		}
		if !strings.Contains(out, "create "+secret+" (0644): the contents are secret") || strings.Contains(out, "unsaid-4711") {
			t.Errorf("the diff of a secret file:\n%s", out)
		}
		if changed, out := state("--diff"); changed != "true true" || !strings.Contains(out, "+two\n") {
			t.Errorf("run: %s\n%s", changed, out)
		}
		if data, err := os.ReadFile(file); string(data) != "one\ntwo\n" {
			t.Errorf("the file is %q, %v", data, err)
		}
		if changed, out := state("--diff"); changed != "false false" || strings.Contains(out, "+") || strings.Contains(out, "@@") {
			t.Errorf("second run: %s\n%s", changed, out)
		}
		if err := os.WriteFile(file, []byte("one\nthree\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if changed, out := state("--check", "--diff"); changed != "true false" || !strings.Contains(out, "-three\n+two\n") {
			t.Errorf("after somebody changed it: %s\n%s", changed, out)
		}
	})
}

// A copied module may run on a terminal, where what goes to the standard error is among the result.
func TestAModuleSaysNothingBesideItsResult(t *testing.T) {
	for _, do := range []string{"show", "fail", "panic", "warn", "odd", "halfway", "unknown"} {
		var out, beside strings.Builder
		arguments := strings.NewReader(`{"do": "` + do + `", "path": "` + filepath.Join(t.TempDir(), "x") + `", "_ansible_diff": true, "_ansible_verbosity": 3}`)
		p, err := host.Start(t.Context(), host.Cmd{Args: []string{moduleBinary(), "-"}}, host.Streams{In: arguments, Out: &out, Err: &beside})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Wait(); host.ExitCode(err) > 1 || !strings.Contains(out.String(), `"changed":`) {
			t.Errorf("%s: %v\n%s", do, err, out.String())
		}
		if beside.Len() > 0 {
			t.Errorf("%s: it says %q", do, beside.String())
		}
	}
}

func TestHalfAFailureIsAChangeToo(t *testing.T) {
	eachCore(t, func(t *testing.T, c core) {
		dir := filepath.Join(collections, c.name+"-half")
		p := c.playbook(t, "tasks:\n  - name: halfway\n    contract: {do: halfway, path: "+dir+"}\n    ignore_errors: true\n", "--diff")
		if p.get(t, "halfway", "") != "failed" || p.get(t, "halfway", "changed") != "true" || p.get(t, "halfway", "changes") != "[create directory "+dir+" (0755)]" {
			t.Errorf("%+v", p.results)
		}
		if msg := p.get(t, "halfway", "msg"); !strings.Contains(msg, "no space") || !strings.HasSuffix(msg, "(made 1 change of 2 before)") {
			t.Error(msg)
		}
	})
}

func TestAModuleRunsAsynchronously(t *testing.T) {
	eachCore(t, func(t *testing.T, c core) {
		p := c.playbook(t, "tasks:\n  - name: later\n    contract: {text: x}\n    async: 30\n    poll: 1\n")
		if p.get(t, "later", "seen.text") != "x" || p.get(t, "later", "finished") != "1" && p.get(t, "later", "finished") != "true" {
			t.Errorf("%+v\n%s", p.results, p.out)
		}
	})
}

// A controller that goes away hangs up, and people stop what takes too long.
func TestASignalIsAFailureThatTellsWhatWasDone(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		dir := filepath.Join(collections, "wait-"+strconv.Itoa(int(signal)))
		var out strings.Builder
		arguments := strings.NewReader(`{"do": "wait", "path": "` + dir + `", "_ansible_inject_invocation": false}`)
		ready := make(chan struct{})
		p, err := host.Start(t.Context(), host.Cmd{Args: []string{moduleBinary(), "-"}}, host.Streams{In: arguments, Out: &out})
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			defer close(ready)
			for p.Pid() > 0 {
				if _, err := os.Stat(dir + "/pid"); err == nil || t.Context().Err() != nil {
					return
				}
			}
		}()
		<-ready
		if err := syscall.Kill(p.Pid(), signal); err != nil {
			t.Fatal(err)
		}
		if err := p.Wait(); host.ExitCode(err) != 1 {
			t.Errorf("%v: %v", signal, err)
		}
		want := `"changed":true,"changes":["create directory ` + dir + ` (0755)"],"failed":true,"leak"`
		if !strings.Contains(out.String(), want) || !strings.Contains(out.String(), `"msg":"interrupted, `+signal.String()+` signal received: wait: context canceled (made 1 change of 2 before)"`) {
			t.Errorf("%v: %s", signal, out.String())
		}
	}
}
