// Package roles_test applies roles to nodes of the lab with real Ansible: in check mode, really, again, and with everything
// that goes wrong. It needs root, the minimal edition (make iso EDITION=minimal) and the collection (make collection).
package roles_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"debvisor/testing/lab"
)

// fleet is three nodes, and the variables that a play takes besides the roles' defaults.
type fleet struct {
	*lab.Lab
	core string
	dir  string
}

// eachCore runs a test once with every ansible-core, on fresh nodes.
func eachCore(t *testing.T, test func(t *testing.T, f *fleet)) {
	t.Helper()
	if _, err := os.Stat("../../build/collections/ansible_collections/debvisor/core/plugins"); err != nil {
		t.Skip("needs the collection: make collection")
	}
	for _, core := range lab.Cores {
		t.Run("core "+core, func(t *testing.T) {
			l := lab.New(t, lab.Options{Nodes: 3, Control: core == lab.Cores[1]})
			test(t, &fleet{Lab: l, core: core, dir: t.TempDir()})
		})
	}
}

// play runs a playbook of the repository on the nodes and returns what it printed.
func (f *fleet) play(t *testing.T, playbook string, args ...string) (string, error) {
	t.Helper()
	return f.Playbook(t.Context(), f.core, append([]string{playbook, "--limit", "nodes"}, args...)...)
}

// site applies a role by its tag, which must succeed.
func (f *fleet) site(t *testing.T, tag string, args ...string) string {
	t.Helper()
	out, err := f.play(t, "playbooks/site.yml", append([]string{"--tags", tag}, args...)...)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return out
}

var recap = regexp.MustCompile(`(?m)^node\d+ +: ok=\d+ +changed=(\d+) `)

// changed is how many tasks changed something on each node.
func changed(out string) string {
	var all []string
	for _, m := range recap.FindAllStringSubmatch(out, -1) {
		all = append(all, m[1])
	}
	return strings.Join(all, " ")
}

// on runs a command on a node, which must succeed.
func (f *fleet) on(t *testing.T, node int, command string) string {
	t.Helper()
	out, err := f.Node(node).Exec(t.Context(), "sh", "-c", command)
	if err != nil {
		t.Fatalf("node%d: %v", node, err)
	}
	return strings.TrimSpace(out)
}

// write puts a file on every node.
func (f *fleet) write(t *testing.T, path, text string) {
	t.Helper()
	for i := range f.Nodes() {
		if _, err := f.Node(i+1).ExecInput(t.Context(), text, "sh", "-c", `mkdir -p "$1" && cat > "$2"`, "sh", filepath.Dir(path), path); err != nil {
			t.Fatal(err)
		}
	}
}
