package ansible_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"debvisor/internal/host"
)

// stage is a controller with its target: two machines for ssh, one for a local connection.
type stage struct {
	control, target *machine
	dir             string // below /tmp, which both see
	collections     string
}

// root is the system that a controller is a copy of: one directory, or several that lie over each other.
func (c core) root() string {
	if len(c.prefix) == 0 {
		return "/"
	}
	return c.prefix[len(c.prefix)-1]
}

// newStage makes a controller with the core and a target that it reaches by ssh as alice and root.
func newStage(t *testing.T, c core) *stage {
	t.Helper()
	for _, program := range []string{"sshd", "sudo", "setfacl"} {
		if _, err := host.Find(program); err != nil {
			t.Skipf("needs %s on this machine: %v", program, err)
		}
	}
	s := &stage{target: newMachine(t, "/", nil)}
	s.control = s.target
	if c.root() != "/" {
		s.control = newMachine(t, c.root(), s.target)
	}
	var err error
	if s.dir, err = os.MkdirTemp(collections, "stage-"); err != nil {
		t.Fatal(err)
	}
	if s.collections, err = contract(); err != nil {
		t.Fatal(err)
	}
	s.target.serve(t, s.dir)
	return s
}

// eachStage runs a test with every controller.
func eachStage(t *testing.T, test func(t *testing.T, s *stage)) {
	t.Helper()
	eachCore(t, func(t *testing.T, c core) { test(t, newStage(t, c)) })
}

// inventory has the target under three names, and the controller itself. User alice cannot write where root does.
const inventory = `[all]
node ansible_host=127.0.0.1 ansible_user=root
alice ansible_host=127.0.0.1 ansible_user=alice
here ansible_connection=local
[all:vars]
ansible_ssh_private_key_file=%[1]s/id
ansible_ssh_common_args=-o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no -o LogLevel=ERROR -o ControlPersist=30s
ansible_python_interpreter=/usr/bin/python3
`

// play runs tasks on hosts of the inventory; args are options of ansible-playbook.
func (s *stage) play(t *testing.T, hosts, tasks string, args ...string) play {
	t.Helper()
	return s.playWith(t, "- hosts: "+hosts+"\n  gather_facts: false\n  tasks:\n"+indent(indent(tasks)), args...)
}

// playWith runs a playbook. Arguments that begin with ANSIBLE_ are settings.
func (s *stage) playWith(t *testing.T, text string, args ...string) play {
	t.Helper()
	dir, err := os.MkdirTemp(s.dir, "play-")
	if err != nil {
		t.Fatal(err)
	}
	callbacks := filepath.Join(dir, "callback_plugins")
	if err := os.CopyFS(callbacks, os.DirFS("testdata/callback_plugins")); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"play.yml": text, "inventory": fmt.Sprintf(inventory, s.dir), "ansible.cfg": "[defaults]\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := host.Cmd{Args: append(s.control.inside(), "ansible-playbook", "-i", dir+"/inventory", dir+"/play.yml"),
		Env: []string{"ANSIBLE_COLLECTIONS_PATH=" + s.collections, "ANSIBLE_CALLBACK_PLUGINS=" + callbacks, "RECORD_TO=" + dir + "/record",
			"ANSIBLE_NOCOLOR=1", "ANSIBLE_CONFIG=" + dir + "/ansible.cfg", "ANSIBLE_SSH_CONTROL_PATH_DIR=" + s.dir, "ANSIBLE_FORCE_COLOR=0"}}
	for _, a := range args {
		if strings.HasPrefix(a, "ANSIBLE_") {
			cmd.Env = append(cmd.Env, a)
		} else {
			cmd.Args = append(cmd.Args, a)
		}
	}
	p := play{results: map[string]outcome{}}
	var out strings.Builder
	cmd.Line = func(line string) { out.WriteString(line + "\n") }
	_, p.err = host.System{}.Run(t.Context(), cmd)
	p.out = out.String()
	p.read(t, dir+"/record")
	return p
}

// ok fails the test when the play did, or when a result is not as it should be. wants are task, path and value in turn.
func (p play) ok(t *testing.T, wants ...string) {
	t.Helper()
	if p.err != nil {
		t.Fatalf("%v\n%s", p.err, p.short())
	}
	p.holds(t, wants...)
}

func (p play) holds(t *testing.T, wants ...string) {
	t.Helper()
	for i := 0; i < len(wants); i += 3 {
		if got := p.get(t, wants[i], wants[i+1]); got != wants[i+2] {
			t.Errorf("%s: %s is %q, not %q\n%s", wants[i], wants[i+1], got, wants[i+2], p.short())
		}
	}
}

// says fails the test when the play's output lacks one of the texts.
func (p play) says(t *testing.T, texts ...string) {
	t.Helper()
	flat := strings.Join(strings.Fields(p.out), "") // warnings are broken into lines anywhere
	for _, text := range texts {
		if !strings.Contains(flat, strings.ReplaceAll(text, " ", "")) {
			t.Errorf("the output lacks %q:\n%s", text, p.short())
		}
	}
}

// not fails the test when the play's output has one of the texts.
func (p play) not(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(p.out, text) {
			t.Errorf("the output has %q:\n%s", text, p.short())
		}
	}
}

// short is the output without the scripts that ran on the target.
func (p play) short() string {
	var kept []string
	in := false
	for line := range strings.Lines(p.out) {
		if strings.Contains(line, "EXEC ") {
			in = true
		}
		if !in {
			kept = append(kept, line)
		}
		if strings.Contains(line, "sleep 0") {
			in = false
		}
	}
	return strings.Join(kept, "")
}

// count is how often the output has a text.
func (p play) count(text string) int { return strings.Count(p.out, text) }

func pretty(t *testing.T, v any) string {
	t.Helper()
	data, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
