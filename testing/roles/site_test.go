package roles_test

import (
	"strings"
	"testing"

	"debvisor/testing/lab"
)

// What first boot runs on a node that has Ansible, with the collection that its image brings.
func TestTheSitePlaybookAppliesToTheNodeItself(t *testing.T) {
	l := lab.New(t, lab.Options{Control: true})
	run := func(want string, args ...string) {
		t.Helper()
		command := append([]string{"env", "-i", "HOME=/root", "ANSIBLE_NOCOLOR=1", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "/usr/bin/ansible-playbook",
			"--inventory", "localhost,", "--connection", "local"}, args...)
		out, err := l.Control().Exec(t.Context(), append(command, "/usr/share/ansible/collections/ansible_collections/debvisor/core/playbooks/site.yml")...)
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	run("localhost ", "--check")
	run("localhost ")
	run("changed=0 ")
	run("changed=0 ", "--check")
}
