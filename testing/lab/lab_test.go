package lab

import (
	"strings"
	"testing"
)

func TestAPlaybookRunsWithBothCores(t *testing.T) {
	l := New(t, Options{Nodes: 3, Control: true})
	for _, core := range Cores {
		out, err := l.Ansible(t.Context(), core, "ansible", "nodes", "--module-name", "ansible.builtin.command", "--args", "systemctl is-system-running")
		if err != nil || strings.Count(out, "running") != 3 {
			t.Errorf("ansible-core %s: %v\n%s", core, err, out)
		}
	}
}
