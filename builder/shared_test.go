package builder

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"debvisor/internal/host/hosttest"
)

// Ansible on a node finds the collection where it looks by itself, and a controller finds the binary by its hash.
func TestTheImageBringsTheCollection(t *testing.T) {
	m := hosttest.New(t, "")
	wants, err := newBuilder(t, "minimal", m.Runner).sharedFiles()
	if err != nil {
		t.Fatal(err)
	}
	changes, err := m.Need(wants...)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Apply(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
	module := collectionDir + "/plugins/modules/blocklist"
	p, err := m.Path(module)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(p)
	if err != nil || string(data) != "ELF modules" {
		t.Errorf("%s leads to %q, %v", module, data, err)
	}
	sums, err := m.ReadFile(collectionDir + "/plugins/plugin_utils/debvisor-modules.sha256")
	hash, name, _ := strings.Cut(strings.TrimSpace(string(sums)), "  ")
	if err != nil || name != "debvisor-modules-linux-amd64" || !strings.HasSuffix(filepath.Dir(p), "/usr/libexec/debvisor/modules/"+hash) {
		t.Errorf("the binary is %s, the collection knows %q, %v", p, sums, err)
	}
	for _, file := range []string{"/MANIFEST.json", "/roles/rpc_service/tasks/main.yml", "/playbooks/site.yml", "/plugins/action/blocklist.py"} {
		if !m.Exists(collectionDir + file) {
			t.Errorf("the image lacks %s%s", collectionDir, file)
		}
	}
	for _, file := range []string{"/usr/share/debvisor/docs/image.md", noticesFile} {
		if !m.Exists(file) {
			t.Errorf("the image lacks %s", file)
		}
	}
	if again, err := m.Need(wants...); err != nil || len(again) > 0 {
		t.Errorf("left to do: %v\n%s", err, hosttest.Lines(again))
	}
}
