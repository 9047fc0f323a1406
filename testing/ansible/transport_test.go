package ansible_test

import (
	"strings"
	"testing"
)

const (
	cacheOfRoot  = "/var/cache/debvisor/modules"
	cacheOfAlice = "/home/alice/.cache/debvisor/modules"
)

// The first task on a target puts the binary there; each further one is a single command on the target.
func TestATaskIsOneRoundTrip(t *testing.T) {
	eachStage(t, func(t *testing.T, s *stage) {
		tasks := `
- name: first
  debvisor.core.contract: {text: a}
- name: second
  debvisor.core.contract: {text: b}
`
		cold := s.play(t, "node", tasks, "-vvv")
		cold.ok(t, "first", "seen.text", "a", "second", "seen.text", "b")
		cold.says(t, "contract was copied to "+cacheOfRoot, "contract was run from "+cacheOfRoot)
		if n := cold.count("SSH: EXEC "); n != 4 {
			t.Errorf("a cold and a warm task took %d commands, not 3 and 1:\n%s", n, cold.short())
		}
		warm := s.play(t, "node", tasks, "-vvv")
		warm.ok(t, "first", "seen.text", "a", "second", "seen.text", "b")
		if n := warm.count("SSH: EXEC "); n != 2 || warm.count(" PUT ") > 0 {
			t.Errorf("two warm tasks took %d commands:\n%s", n, warm.short())
		}
		if got := s.target.do(t, "cd "+cacheOfRoot+" && stat -c '%U %G %a' . * */debvisor-modules"); got != strings.Repeat("root root 755\n", 3) {
			t.Errorf("owners and modes in the cache:\n%s", got)
		}
	})
}

// Whoever the task is run as has a cache of his own, and needs no package acl for it.
func TestEveryUserHasACache(t *testing.T) {
	eachStage(t, func(t *testing.T, s *stage) {
		s.target.do(t, "mkdir -p /usr/local/bin && printf '#!/bin/sh\\nexit 1\\n' >/usr/local/bin/setfacl && chmod 755 /usr/local/bin/setfacl")
		p := s.play(t, "alice", `
- name: self
  check_mode: true
  debvisor.core.contract: {path: ~/file, content: x}
- name: other
  become: true
  become_user: bob
  check_mode: true
  debvisor.core.contract: {path: ~/file, content: x}
- name: root
  become: true
  debvisor.core.contract: {path: ~/file, content: x}
`, "-vvv")
		p.ok(t, "self", "seen.path", "/home/alice/file", "root", "seen.path", "/root/file", "other", "seen.path", "/home/bob/file")
		p.says(t, "run from /home/alice/.cache", "run from /var/cache/debvisor", "run from /home/bob/.cache")
		if got := s.target.do(t, "stat -c '%U %a' "+cacheOfAlice+" "+cacheOfAlice+"/*"); got != "alice 700\nalice 700\n" {
			t.Errorf("alice's cache is\n%s", got)
		}
	})
}

// What a module returns is the same whether it was run from the cache or by ansible-core itself.
func TestTheResultIsThatOfAnyModule(t *testing.T) {
	eachStage(t, func(t *testing.T, s *stage) {
		var tasks strings.Builder
		for _, do := range []string{"show", "fail", "panic", "warn", "odd"} {
			tasks.WriteString("- name: " + do + "\n  ignore_errors: true\n  debvisor.core.contract: {do: " + do + ", token: hush, count: '{{ 3 }}', raw: {a: [1, null]}}\n")
		}
		tasks.WriteString("- name: typo\n  ignore_errors: true\n  debvisor.core.contract: {txet: a}\n")
		cached := s.play(t, "node", tasks.String())
		copied := s.play(t, "node", tasks.String(), "ANSIBLE_KEEP_REMOTE_FILES=1")
		if len(cached.results) != 6 {
			t.Errorf("%d tasks ran", len(cached.results))
		}
		for name, want := range copied.results {
			for _, r := range []map[string]any{want.Result, cached.results[name].Result} {
				delete(r, "_ansible_parsed")
				delete(r, "exception") // a trace has addresses
			}
			if got := cached.results[name]; pretty(t, got) != pretty(t, want) {
				t.Errorf("%s: from the cache\n%s\nas any module\n%s", name, pretty(t, got), pretty(t, want))
			}
		}
		if got, want := warnings(cached.out), warnings(copied.out); got != want {
			t.Errorf("warnings from the cache\n%s\nas any module\n%s", got, want)
		}
	})
}

// Over a terminal, which ansible-core uses for modules that it copies, what a library prints to standard error would come
// among the result.
func TestNoiseDoesNotReachTheResult(t *testing.T) {
	eachStage(t, func(t *testing.T, s *stage) {
		s.play(t, "node", "- name: it\n  debvisor.core.contract: {do: noise, text: a}\n").ok(t, "it", "seen.text", "a")
	})
}

// warnings are the lines that begin with what Ansible puts before warnings.
func warnings(out string) string {
	var found []string
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "[WARNING]") || strings.HasPrefix(line, "[DEPRECATION") {
			found = append(found, line)
		}
	}
	return strings.Join(found, "")
}

func TestKeywordsOfATask(t *testing.T) {
	eachStage(t, func(t *testing.T, s *stage) {
		s.target.do(t, "rm -rf /srv/x && mkdir -p /srv/x")
		p := s.playWith(t, `
- hosts: node
  gather_facts: false
  module_defaults:
    group/debvisor.core.all: {text: from the group}
  tasks:
    - name: default
      debvisor.core.contract:
    - name: environment
      environment: {PLACE: "/it's here", BINARY: NAME, HOME: /nowhere}
      debvisor.core.contract: {path: $PLACE/$BINARY, do: fail}
      ignore_errors: true
    - name: check
      check_mode: true
      diff: true
      debvisor.core.contract: {path: /srv/x/a, content: new}
    - name: diff
      diff: true
      debvisor.core.contract: {path: /srv/x/b, content: new}
    - name: loop
      debvisor.core.contract: {text: "{{ item }}"}
      loop: [one, two, three]
    - name: delegated
      delegate_to: here
      debvisor.core.contract: {text: there}
    - name: vaulted and dated
      debvisor.core.contract: {raw: 2024-01-02}
    - name: once
      run_once: true
      debvisor.core.contract: {text: once}
    - name: hidden
      no_log: true
      debvisor.core.contract: {text: geheim, token: top}
`, "-vvv")
		p.ok(t, "default", "seen.text", "from the group", "environment", "seen.path", "/it's here/NAME",
			"check", "changed", "true", "diff", "changed", "true", "delegated", "seen.text", "there", "once", "seen.text", "once")
		p.not(t, "geheim", "top")
		p.says(t, "contract was run from "+cacheOfRoot)
		if got := s.target.do(t, "ls /srv/x"); got != "b\n" {
			t.Errorf("made: %s", got)
		}
		if len(p.items) != 3 || p.count("+new") < 2 {
			t.Errorf("%d items; diffs:\n%s", len(p.items), p.out)
		}
	})
}

func TestConnectionsAndSettings(t *testing.T) {
	eachStage(t, func(t *testing.T, s *stage) {
		task := "- name: it\n  debvisor.core.contract: {text: a}\n"
		for _, c := range []struct {
			hosts string
			args  []string
			says  string
		}{
			{"here", nil, "contract was run from " + cacheOfRoot},
			{"here", []string{"--become", "--become-user", "bob"}, "contract was run from /home/bob/"},
			{"node", []string{"ANSIBLE_PIPELINING=1"}, "contract was run from " + cacheOfRoot},
			{"node", []string{"-e", "ansible_python_interpreter=/nonexistent"}, "contract was run from " + cacheOfRoot},
			{"node", []string{"-e", "debvisor_module_cache=/opt/kept/"}, "contract was run from /opt/kept/"},
			{"node", []string{"ANSIBLE_KEEP_REMOTE_FILES=1"}, "contract is copied for this task: remote files are to be kept"},
			{"node", []string{"--become", "--become-user", "bob", "-e", "ansible_become_method=su"}, "contract is copied for this task: su needs a terminal"},
		} {
			for _, m := range []*machine{s.target, s.control} {
				m.do(t, "rm -rf "+cacheOfRoot+" /opt/kept")
			}
			p := s.play(t, c.hosts, task, append(c.args, "-vvv")...)
			p.ok(t, "it", "seen.text", "a")
			p.says(t, c.says)
		}
	})
}

func TestAsynchronousTasksAreCopied(t *testing.T) {
	eachStage(t, func(t *testing.T, s *stage) {
		p := s.play(t, "node", `
- name: waited for
  async: 30
  poll: 1
  debvisor.core.contract: {text: a}
- name: left alone
  async: 30
  poll: 0
  debvisor.core.contract: {text: b}
  register: job
- name: found again
  ansible.builtin.async_status: {jid: "{{ job.ansible_job_id }}"}
  register: found
  until: found.finished
  retries: 100
  delay: 0.1
`, "-vvv")
		p.ok(t, "waited for", "seen.text", "a", "found again", "seen.text", "b")
		p.says(t, "contract is copied for this task: the task is asynchronous")
	})
}

// Arguments are neither in a list of processes nor in a file, with or without no_log.
func TestArgumentsAreSeenNowhere(t *testing.T) {
	eachStage(t, func(t *testing.T, s *stage) {
		s.play(t, "alice", "- debvisor.core.contract: {text: warm}\n", "--become").ok(t)
		// Whatever is executed from here on leaves its command line and its environment; whatever is written keeps its name.
		s.target.do(t, `printf '%s\n' '#!/bin/sh' 'tr "\0" "\n" </proc/$PPID/cmdline >>/run/seen; env >>/run/seen; exec /usr/bin/uname "$@"' >/usr/local/bin/uname
chmod 755 /usr/local/bin/uname; touch /run/since`)
		p := s.play(t, "alice", "- debvisor.core.contract: {do: warn, token: geheim-4711, text: geheim-4712, path: /srv/kept, secret: true}\n", "--become", "-vvvv")
		p.ok(t)
		p.not(t, "geheim-4711", " PUT ")
		if n := p.count("SSH: EXEC "); n != 1 {
			t.Errorf("%d commands:\n%s", n, p.short())
		}
		if seen := s.target.do(t, "cat /run/seen"); !strings.Contains(seen, "debvisor-transport") || strings.Contains(seen, "geheim") {
			t.Errorf("command lines and environments:\n%s", seen)
		}
		if got := s.target.do(t, "find /etc /home /opt /root /run /srv /var -newer /run/since -type f -exec grep -l geheim {} + || test $? = 1"); got != "/srv/kept\n" {
			t.Errorf("files with a secret: %s", got)
		}
	})
}

// A node from an image of the same version has the binary; nothing is copied to it, for whatever user.
func TestAnImageHasTheBinaryAlready(t *testing.T) {
	eachStage(t, func(t *testing.T, s *stage) {
		binary := s.collections + "/ansible_collections/debvisor/core/plugins/plugin_utils/debvisor-modules-linux-amd64"
		s.target.do(t, "sum=$(sha256sum <"+binary+" | cut -c1-64); mkdir -p /usr/libexec/debvisor/modules/$sum; install -m 755 "+binary+" /usr/libexec/debvisor/modules/$sum/debvisor-modules")
		p := s.play(t, "alice", "- name: root\n  become: true\n  debvisor.core.contract: {text: a}\n- name: self\n  debvisor.core.contract: {text: b}\n", "-vvv")
		p.ok(t, "root", "seen.text", "a", "self", "seen.text", "b")
		p.not(t, "was copied", " PUT ")
		if n := strings.Count(p.out, "contract was run from /usr/libexec/debvisor/modules/"); n != 2 {
			t.Errorf("%d tasks were run from the image's binary:\n%s", n, p.short())
		}
		if got := s.target.do(t, "find /home /root /run /usr/libexec /var/cache /var/tmp -name debvisor-modules"); strings.Count(got, "\n") != 1 {
			t.Errorf("binaries on the node:\n%s", got)
		}
	})
}
