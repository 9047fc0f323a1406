// Package ansible_test runs real Ansible against real modules.
package ansible_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"debvisor/internal/host"
)

// collections is the directory with a collection debvisor.core that has the test's module alone.
var collections string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("/tmp", "debvisor-ansible-") // where a control node's root has it too
	if err == nil {
		err = buildCollection(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	collections = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// buildCollection lays the module out as the collection does: one binary, and a link for each module.
func buildCollection(dir string) error {
	plugins := filepath.Join(dir, "ansible_collections/debvisor/core/plugins")
	for _, d := range []string{"modules", "plugin_utils"} {
		if err := os.MkdirAll(filepath.Join(plugins, d), 0o755); err != nil {
			return err
		}
	}
	binary := filepath.Join(plugins, "plugin_utils/debvisor-modules-linux-amd64")
	build := host.Cmd{Args: []string{"go", "build", "-o", binary, "./testmodule"}, Env: []string{"CGO_ENABLED=0"}}
	if _, err := (host.System{}).Run(context.Background(), build); err != nil {
		return err
	}
	if err := os.Symlink("../plugin_utils/debvisor-modules-linux-amd64", filepath.Join(plugins, "modules/contract")); err != nil {
		return err
	}
	meta := filepath.Join(dir, "ansible_collections/debvisor/core/meta")
	if err := os.MkdirAll(meta, 0o755); err != nil {
		return err
	}
	runtime := "requires_ansible: '>=2.14.0'\naction_groups:\n  all:\n    - contract\n"
	return os.WriteFile(filepath.Join(meta, "runtime.yml"), []byte(runtime), 0o644)
}

func moduleBinary() string {
	return filepath.Join(collections, "ansible_collections/debvisor/core/plugins/modules/contract")
}

// play is one run of ansible-playbook.
type play struct {
	out     string
	results map[string]outcome // by the task's name
	items   []outcome
	err     error
}

type outcome struct {
	Status string         `json:"status"`
	Task   string         `json:"task"`
	Result map[string]any `json:"result"`
}

// playbook runs tasks on this machine, as the core would run them over there.
func (c core) playbook(t *testing.T, tasks string, args ...string) play {
	t.Helper()
	dir, err := os.MkdirTemp(collections, "play-")
	if err != nil {
		t.Fatal(err)
	}
	callbacks := filepath.Join(dir, "callback_plugins")
	if err := os.CopyFS(callbacks, os.DirFS("testdata/callback_plugins")); err != nil {
		t.Fatal(err)
	}
	text := "- hosts: localhost\n  connection: local\n  gather_facts: false\n  collections: [debvisor.core]\n" + indent(tasks)
	file := filepath.Join(dir, "play.yml")
	for name, content := range map[string]string{file: text, dir + "/ansible.cfg": "[defaults]\n"} {
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := host.Cmd{
		Args: append(append(append([]string{}, c.prefix...), "ansible-playbook", "-i", "localhost,", file), args...),
		Env: []string{"ANSIBLE_COLLECTIONS_PATH=" + collections, "ANSIBLE_CALLBACK_PLUGINS=" + callbacks, "RECORD_TO=" + dir + "/record",
			"ANSIBLE_NOCOLOR=1", "ANSIBLE_LOCALHOST_WARNING=0", "ANSIBLE_PYTHON_INTERPRETER=/usr/bin/python3", "ANSIBLE_HOME=" + dir, "ANSIBLE_REMOTE_TEMP=" + dir + "/tmp", "ANSIBLE_ASYNC_DIR=" + dir + "/async", "ANSIBLE_CONFIG=" + dir + "/ansible.cfg"},
	}
	p := play{results: map[string]outcome{}}
	var out strings.Builder
	cmd.Line = func(line string) { out.WriteString(line + "\n") }
	_, p.err = host.System{}.Run(t.Context(), cmd)
	p.out = out.String()
	p.read(t, dir+"/record")
	return p
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n  ") + "\n"
}

func (p *play) read(t *testing.T, name string) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatalf("no results: %v\n%s", err, p.out)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var o outcome
		dec := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		dec.UseNumber()
		if err := dec.Decode(&o); err != nil {
			t.Fatal(err)
		}
		if o.Status == "item" {
			p.items = append(p.items, o)
			continue
		}
		p.results[o.Task] = o
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

// get is a value of a task's result, by a path such as "seen.count", as text.
func (p play) get(t *testing.T, task, path string) string {
	t.Helper()
	o, ran := p.results[task]
	if !ran {
		t.Fatalf("task %q did not run:\n%s", task, p.out)
	}
	if path == "" {
		return o.Status
	}
	var v any = o.Result
	for _, key := range strings.Split(path, ".") {
		dict, ok := v.(map[string]any)
		if !ok {
			return "nothing"
		}
		v = dict[key]
	}
	return fmt.Sprint(v)
}
