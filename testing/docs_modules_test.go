package repository

import (
	"encoding/json"
	"go/format"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"debvisor/internal/host"
)

// manual is the modules' page as a newcomer would follow it: the files that it shows, and its line in modules/main.go.
func manual(t *testing.T) map[string]string {
	t.Helper()
	page, err := os.ReadFile("../docs/modules.md")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	parts := strings.Split(string(page), "\n```")
	for i := 1; i < len(parts); i += 2 { // the paragraph before a block begins with the file's name
		before := "\n\n" + strings.TrimSpace(parts[i-1])
		name, _, _ := strings.Cut(before[strings.LastIndex(before, "\n\n`")+3:], "`")
		_, content, _ := strings.Cut(parts[i], "\n")
		files[name] = content + "\n"
	}
	if files["modules/motd/motd.go"] == "" || files["modules/motd/motd.yml"] == "" || files["modules/motd/motd_test.go"] == "" || len(files) != 3 {
		t.Fatalf("the page shows other files than it says: %q", slices.Sorted(maps.Keys(files)))
	}
	main, err := os.ReadFile("../modules/main.go")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(main), "\"debvisor/modules/firewall\"", "\"debvisor/modules/firewall\"\n\t\"debvisor/modules/motd\"", 1)
	files["modules/main.go"] = strings.Replace(text, "firewall.Module", "firewall.Module, motd.Module", 1)
	return files
}

// laid puts files over those of the repository, for the go command alone, and is the option that says so.
func laid(t *testing.T, files map[string]string) string {
	t.Helper()
	dir, replace := t.TempDir(), map[string]string{}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		copied := filepath.Join(dir, strings.ReplaceAll(name, "/", "_"))
		if err := os.WriteFile(copied, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		replace[filepath.Join(root, name)] = copied
	}
	data, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return "-overlay=" + list
}

func TestTheModuleOfTheManualWorks(t *testing.T) {
	files := manual(t)
	for name, content := range files {
		if clean, err := format.Source([]byte(content)); strings.HasSuffix(name, ".go") && string(clean) != content {
			t.Errorf("%s is not as gofmt writes it: %v", name, err)
		}
	}
	over, dir := laid(t, files), t.TempDir()
	for _, args := range [][]string{
		{"go", "test", "-c", "-vet=off", over, "-o", dir + "/motd.test", "../modules/motd"},
		{dir + "/motd.test", "-test.v"},
		{"go", "build", over, "-o", dir + "/modules", "../modules"},
		{dir + "/modules", "motd", "--help"},
	} {
		out, err := host.System{}.Run(t.Context(), host.Cmd{Args: args, Env: []string{"CGO_ENABLED=0"}})
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(args[0], ".test") && strings.Count(string(out), "--- PASS") != 2 {
			t.Errorf("%s", out)
		}
	}
}
