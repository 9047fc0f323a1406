package tsig_rotate

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"debvisor/internal/ansible/ansibletest"
	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
)

func TestTheDocumentationIsTheModules(t *testing.T) {
	for _, wrong := range ansibletest.CheckDocs(Module) {
		t.Error(wrong)
	}
}

const secret = "key \"debvisor-vm-7\" {\n\talgorithm hmac-sha256;\n\tsecret \"c2VjcmV0IHRoYXQgaXMgdGhpcnR5dHdvIGJ5dGVzISE=\";\n};\n"

// sudo is what stands before the command when the test is not root.
func sudo(line string) string {
	if os.Geteuid() == 0 {
		return line
	}
	return "sudo -n " + line
}

// node answers a step with changes until it was done, and tells what it read.
func node(t *testing.T, line, said string) (m *hosttest.Machine, read *string) {
	m = hosttest.New(t, "")
	read = new(string)
	m.Runner.Answer(sudo(line+" --check"), `{"ok": true, "changed": true, "changes": ["do it", "and this"]`+said+`}`)
	m.Runner.Do(sudo(line), func(c host.Cmd) {
		*read = c.Stdin
		m.Runner.Answer(sudo(line+" --check"), `{"ok": true, "changed": false, "changes": []`+said+`}`)
	})
	return m, read
}

// printing has a command that has an effect print as much as one without changes.
type printing struct{ host.Runner }

func (p printing) on(m *hosttest.Machine) *host.Host {
	return &host.Host{Root: m.Root, Owners: m.Owners, Runner: p}
}

func (p printing) Run(ctx context.Context, c host.Cmd) ([]byte, error) {
	out, err := p.Runner.Run(ctx, c)
	if err == nil && len(out) == 0 {
		out = []byte(`{"ok": true, "changes": []}`)
	}
	return out, err
}

func TestAStepIsDoneOnce(t *testing.T) {
	line := "/usr/local/bin/debvisor tsig accept --json --holder a --lease 1h0m0s --used debvisor-vm-6:00ff"
	m, read := node(t, line, "")
	result := ansibletest.Run(t, Module, printing{m.Runner}.on(m), map[string]any{"step": "accept", "keys": secret, "holder": "a", "_ansible_verbosity": 3,
		"clients": []any{map[string]any{"client": map[string]any{"vm": map[string]any{"name": "debvisor-vm-6", "fingerprint": "00ff"}}, "server": map[string]any{}}}})
	if result["changed"] != true || *read != secret {
		t.Errorf("got %v; it read %q", result, *read)
	}
	if said, err := json.Marshal(result); err != nil || strings.Contains(string(said), "c2Vjc") {
		t.Errorf("the secret is in %s, %v", said, err)
	}
}

// Since when the time of grace runs is the same in both plans, however long the step took.
func TestTheTimeOfGraceRunsSinceOneMoment(t *testing.T) {
	line := "/usr/local/bin/debvisor tsig activate --json --holder a --lease 1h0m0s --serial 7 --as server --grace 15m0s"
	m, _ := node(t, line+" --moved "+began.UTC().Format(time.RFC3339Nano), "")
	arguments := map[string]any{"step": "activate", "as": "server", "serial": 7, "holder": "a", "moved": true}
	if result := ansibletest.Run(t, Module, printing{m.Runner}.on(m), arguments); result["changed"] != true || result["failed"] == true {
		t.Errorf("got %v", result)
	}
	m, _ = node(t, line, "")
	arguments["moved"] = false
	if result := ansibletest.Run(t, Module, printing{m.Runner}.on(m), arguments); result["changed"] != true || result["failed"] == true {
		t.Errorf("none moved: %v", result)
	}
}

func TestCheckModeSaysWhatItWouldDo(t *testing.T) {
	m, read := node(t, "/usr/local/bin/debvisor tsig retire --json --holder a --lease 1h0m0s --serial 7 --grace 15m0s", "")
	result := ansibletest.Run(t, Module, m.Host, map[string]any{"step": "retire", "serial": 7, "holder": "a", "_ansible_check_mode": true, "_ansible_verbosity": 1})
	if result["changed"] != true || fmt.Sprint(result["changes"]) != "[do it and this]" || *read != "" {
		t.Errorf("got %v", result)
	}
}

func TestSecretsAreReturnedToATaskWithoutALogAlone(t *testing.T) {
	line := "/usr/local/bin/debvisor tsig prepare --json --holder '' --lease 1h0m0s --interval 600h0m0s --force=false --with-keys=true --check"
	m := hosttest.New(t, "")
	text, err := json.Marshal(secret)
	if err != nil {
		t.Fatal(err)
	}
	m.Runner.Answer(sudo(line), `{"ok": true, "changes": [], "serial": 7, "rotating": false, "why": "not due", "keys": `+string(text)+`}`)
	arguments := map[string]any{"step": "prepare", "with_keys": true}
	if result := ansibletest.Run(t, Module, m.Host, arguments); result["failed"] != true || !strings.Contains(fmt.Sprint(result["msg"]), "no_log") {
		t.Errorf("got %v", result)
	}
	arguments["_ansible_no_log"] = true
	result := ansibletest.Run(t, Module, m.Host, arguments)
	if result["keys"] != secret || fmt.Sprint(result["serial"]) != "7" || result["changed"] != false {
		t.Errorf("got %v", result)
	}
}

func TestWhatTheNodeRefusesIsSaid(t *testing.T) {
	m := hosttest.New(t, "")
	m.Runner.Answer(sudo("/usr/local/bin/debvisor tsig facts --json --check"), `{"ok": false, "error": "another rotation is under way"}`)
	if result := ansibletest.Run(t, Module, m.Host, map[string]any{"step": "facts"}); result["failed"] != true || result["msg"] != "another rotation is under way" {
		t.Errorf("got %v", result)
	}
	m.Runner.Answer(sudo("/usr/local/bin/debvisor tsig facts --json --check"), "no")
	if result := ansibletest.Run(t, Module, m.Host, map[string]any{"step": "facts"}); result["failed"] != true || !strings.Contains(fmt.Sprint(result["msg"]), "not its JSON") {
		t.Errorf("got %v", result)
	}
	if result := ansibletest.Run(t, Module, m.Host, map[string]any{"step": "prove"}); result["failed"] != true || !strings.Contains(fmt.Sprint(result["msg"]), "as") {
		t.Errorf("got %v", result)
	}
}
