package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"debvisor"
	"debvisor/internal/collection"
)

func collectionOfRepository(t *testing.T) *collection.Collection {
	t.Helper()
	c, err := collection.New(collection.Source{Files: debvisor.Files, Version: "1.2.3", Binaries: map[string][]byte{"amd64": []byte("ELF")}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// In a clone what is a copy elsewhere is a link: a role that was changed is never met in an older form, and what is no
// longer made is gone.
func TestTheCollectionOfACloneIsLinks(t *testing.T) {
	tree := filepath.Join(t.TempDir(), "collections", filepath.FromSlash(collection.Path))
	if err := os.MkdirAll(filepath.Join(tree, "roles/old"), 0o755); err != nil {
		t.Fatal(err)
	}
	entries := collectionOfRepository(t).Source()
	if err := putTree(tree, "../..", entries); err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string]string{"roles/rpc_service/tasks/main.yml": "roles/rpc-service/tasks/main.yml", "playbooks/site.yml": "playbooks/site.yml",
		"plugins/plugin_utils/transport.py": "collection/plugins/plugin_utils/transport.py"} {
		got, err := filepath.EvalSymlinks(filepath.Join(tree, name))
		want, wrong := filepath.Abs(filepath.Join("../..", file))
		if err != nil || wrong != nil || got != want {
			t.Errorf("%s leads to %s, not %s (%v, %v)", name, got, want, err, wrong)
		}
	}
	if _, err := os.Stat(filepath.Join(tree, "roles/old")); err == nil {
		t.Error("an old role is still there")
	}
	err := putTree(tree, t.TempDir(), entries)
	if err == nil || !strings.Contains(err.Error(), "built from another clone") {
		t.Errorf("with another clone: %v", err)
	}
}

func TestTheCollectionWithoutACloneIsFiles(t *testing.T) {
	dir := t.TempDir()
	c := collectionOfRepository(t)
	if err := putTree(filepath.Join(dir, "tree"), "", c.Source()); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(filepath.Join(dir, "tree/roles/rpc_service/tasks/main.yml"))
	if err != nil || !info.Mode().IsRegular() {
		t.Errorf("a role's file is %v, %v", info, err)
	}
	if err := putArchive(filepath.Join(dir, c.ArchiveName()), c); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "debvisor-core-1.2.3.tar.gz")); err != nil {
		t.Error(err)
	}
}
