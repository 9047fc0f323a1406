package ansible_test

import (
	"strings"
	"testing"
)

// What a task writes arrives as the module's types, however each core hands it over.
func TestTasksArgumentsArriveAsTheModulesTypes(t *testing.T) {
	const tasks = `vars:
  two: 2
  text: hello
tasks:
  - name: templated
    contract: {count: "{{ 1 + 1 }}", ratio: "{{ two / 4 }}", force: "{{ two == 2 }}", names: "{{ [text, 'b'] }}", dict: "{{ {'a': two} }}"}
  - name: key and value
    contract: count=7 force=yes names=a,b numbers=1,2 dict='{"a":"b"}' path=~/x
    check_mode: true
  - name: as YAML reads it
    contract: {text: 0644, count: 12:30:45, raw: [1.10, yes, null], words: yes}
  - name: large
    contract: {count: 9007199254740993}
  - name: nothing
    contract: {count: null, text: "{{ omit }}", force: ~}
  - name: quoted
    contract: {count: "12", ratio: "2.50", force: "off", numbers: ["1", 2], names: one}
  - name: defaults of the group
    contract:
    module_defaults:
      group/debvisor.core.all: {text: from the group}
  - name: loop
    contract: {count: "{{ item }}"}
    loop: [1, "2"]
`
	eachCore(t, func(t *testing.T, c core) {
		p := c.playbook(t, tasks)
		for _, w := range []struct{ task, path, want string }{
			{"templated", "seen.count", "2"}, {"templated", "seen.ratio", "0.5"}, {"templated", "seen.force", "true"},
			{"templated", "seen.names", `["hello" "b"]`}, {"templated", "seen.dict", "map[a:2]"},
			{"key and value", "seen.count", "7"}, {"key and value", "seen.force", "true"}, {"key and value", "seen.names", `["a" "b"]`},
			{"key and value", "seen.numbers", "[1 2]"}, {"key and value", "seen.dict", "map[a:b]"},
			{"as YAML reads it", "seen.count", "45045"}, {"as YAML reads it", "seen.text", "True"}, {"as YAML reads it", "seen.raw", "[1.1 true <nil>]"},
			{"as YAML reads it", "warnings", "[Both option text and its alias words are set.]"},
			{"large", "seen.count", "9007199254740993"}, {"large", "invocation.module_args.count", "9007199254740993"},
			{"nothing", "seen.count", "absent"}, {"nothing", "seen.text", "absent"}, {"nothing", "seen.force", "absent"},
			{"quoted", "seen.count", "12"}, {"quoted", "seen.ratio", "2.5"}, {"quoted", "seen.force", "false"}, {"quoted", "seen.numbers", "[1 2]"}, {"quoted", "seen.names", `["one"]`},
			{"defaults of the group", "seen.text", "from the group"},
		} {
			if got := p.get(t, w.task, w.path); got != w.want {
				t.Errorf("%s: %s is %s, want %s", w.task, w.path, got, w.want)
			}
		}
		if path := p.get(t, "key and value", "seen.path"); !strings.HasPrefix(path, "/") || !strings.HasSuffix(path, "/x") {
			t.Errorf("~ became %s", path)
		}
		if len(p.items) != 2 || p.err != nil {
			t.Errorf("the loop ran %d times, %v", len(p.items), p.err)
		}
	})
}

// Nothing but the module itself checks its arguments.
func TestWrongArgumentsFailTheTaskAndAreNamed(t *testing.T) {
	const tasks = `tasks:
  - name: unknown
    contract: {contant: x, zzz: 1}
    ignore_errors: true
  - name: choice
    contract: {do: dance}
    ignore_errors: true
  - name: type
    contract: {count: many, ratio: [1]}
    ignore_errors: true
  - name: missing
    contract: {peers: [{port: 1}]}
    ignore_errors: true
  - name: in check mode too
    contract: {zzz: 1}
    check_mode: true
    ignore_errors: true
`
	const supported = "Supported parameters include: content, count, dict, do, force, names, numbers, path, peers, pin, ratio, raw, secret, text, token (words)."
	eachCore(t, func(t *testing.T, c core) {
		p := c.playbook(t, tasks)
		for task, want := range map[string]string{
			"unknown":           "Unsupported parameters for (debvisor.core.contract) module: contant, zzz. " + supported + " Did you mean content?",
			"choice":            "value of do must be one of: show, fail, panic, warn, noise, wait, halfway, odd, got: dance",
			"type":              "argument 'count' is of type <class 'str'> and we were unable to convert to int: <class 'str'> cannot be converted to an int; argument 'ratio' is of type <class 'list'> and we were unable to convert to float: <class 'list'> cannot be converted to a float",
			"missing":           "missing required arguments: host found in peers",
			"in check mode too": "Unsupported parameters for (debvisor.core.contract) module: zzz. " + supported,
		} {
			// A short name is resolved by newer cores before the module is called, and not by older ones.
			got := strings.Replace(p.get(t, task, "msg"), "(contract)", "(debvisor.core.contract)", 1)
			if got != want || p.get(t, task, "") != "failed" {
				t.Errorf("%s: %s %s", task, p.get(t, task, ""), got)
			}
		}
	})
}

// The control node has Debian 13's ansible-core; this machine's is said, for whoever reads the results.
func TestTheControlNodesCoreIsDebian13s(t *testing.T) {
	eachCore(t, func(t *testing.T, c core) {
		p := c.playbook(t, "tasks:\n  - name: version\n    ansible.builtin.debug: {msg: \"{{ ansible_version.full }}\"}\n")
		version := p.get(t, "version", "msg")
		t.Logf("ansible-core %s", version)
		if c.name == "control" && !strings.HasPrefix(version, "2.19.") {
			t.Errorf("it is %s", version)
		}
	})
}
