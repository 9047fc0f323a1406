package ansible_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"debvisor"
	"debvisor/internal/collection"
	"debvisor/internal/host"
)

// shipped is the collection as people get it: a source tree below the directory, and beside it the tarball.
var shipped = sync.OnceValues(func() (dir string, err error) {
	dir = filepath.Join(collections, "shipped")
	c, err := shippedCollection()
	if err != nil {
		return "", err
	}
	for _, e := range c.Source() {
		if err := putEntry(filepath.Join(dir, filepath.FromSlash(collection.Path), filepath.FromSlash(e.Path)), e); err != nil {
			return "", err
		}
	}
	f, err := os.Create(filepath.Join(dir, c.ArchiveName()))
	if err != nil {
		return "", err
	}
	defer f.Close()
	return dir, c.Archive(f)
})

func shippedCollection() (*collection.Collection, error) {
	binaries, err := build(filepath.Join(collections, "modules"), "debvisor/modules")
	if err != nil {
		return nil, err
	}
	return collection.New(collection.Source{Files: debvisor.Files, Version: "1.2.3", Binaries: binaries})
}

// build compiles a package for both architectures, as the Makefile does.
func build(dir, pkg string) (map[string][]byte, error) {
	binaries := map[string][]byte{}
	for _, arch := range []string{"amd64", "arm64"} {
		out := filepath.Join(dir, arch)
		cmd := host.Cmd{Args: []string{"go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, pkg}, Env: []string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + arch}}
		if _, err := (host.System{}).Run(context.Background(), cmd); err != nil {
			return nil, err
		}
		data, err := os.ReadFile(out)
		if err != nil {
			return nil, err
		}
		binaries[arch] = data
	}
	return binaries, nil
}

func putEntry(name string, e collection.Entry) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	if e.Link != "" {
		return os.Symlink(e.Link, name)
	}
	return os.WriteFile(name, e.Data, e.Mode)
}

func ship(t *testing.T) string {
	t.Helper()
	dir, err := shipped()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// run runs a command where the core is, with its own home, and returns everything that it said.
func (c core) run(t *testing.T, env []string, args ...string) (string, error) {
	t.Helper()
	var said strings.Builder
	home, err := os.MkdirTemp(collections, "home-")
	if err != nil {
		t.Fatal(err)
	}
	cmd := host.Cmd{Args: append(append(append([]string{}, c.prefix...), "env", "HOME="+home, "ANSIBLE_NOCOLOR=1", "LC_ALL=C.UTF-8"), append(env, args...)...),
		Line: func(line string) { said.WriteString(line + "\n") }}
	_, err = host.System{}.Run(t.Context(), cmd)
	return said.String(), err
}

// The tarball is installed without any network, is what its lists say, and every module is listed and documented.
func TestTheTarballInstallsOffline(t *testing.T) {
	dir := ship(t)
	eachCore(t, func(t *testing.T, c core) {
		into := filepath.Join(dir, c.name)
		env := []string{"ANSIBLE_COLLECTIONS_PATH=" + into}
		for _, args := range [][]string{
			{"ansible-galaxy", "collection", "install", "--offline", "-p", into, filepath.Join(dir, "debvisor-core-1.2.3.tar.gz")},
			{"ansible-galaxy", "collection", "verify", "--offline", "debvisor.core"},
		} {
			if said, err := c.run(t, env, args...); err != nil {
				t.Fatalf("%v\n%s", err, said)
			}
		}
		modules, err := filepath.Glob("../../modules/*/*.yml")
		if err != nil || len(modules) == 0 {
			t.Fatalf("no modules: %v", err)
		}
		known, err := host.System{}.Run(t.Context(), host.Cmd{Args: []string{filepath.Join(collections, "modules/amd64"), "--list"}})
		if err != nil || !strings.HasSuffix(string(known), fmt.Sprintf("\n%d modules\n", len(modules))) {
			t.Errorf("%d modules are documented, the binary knows (%v)\n%s", len(modules), err, known)
		}
		list, err := c.run(t, env, "ansible-doc", "-l", "debvisor.core")
		if err != nil || strings.Count(list, "\n") != len(modules) || strings.Contains(list, "WARNING") {
			t.Errorf("%d modules are listed as (%v)\n%s", len(modules), err, list)
		}
		for _, m := range modules {
			name := "debvisor.core." + filepath.Base(filepath.Dir(m))
			text, err := c.run(t, env, "ansible-doc", "-t", "module", name)
			if err != nil || !strings.Contains(list, name+" ") || !strings.Contains(text, "EXAMPLES:") || strings.Contains(text, "WARNING") {
				t.Errorf("%s: %v\n%s", name, err, text)
			}
		}
		if said, err := c.run(t, env, "ansible-playbook", "-i", "localhost,", "--list-tasks", "debvisor.core.site"); err != nil {
			t.Errorf("the playbook of the collection: %v\n%s", err, said)
		}
	})
}

// sanity are the tests of ansible-test that need nothing from a registry. Those that do are in docs/collection.md.
var sanity = map[string][]string{
	"host": {"action-plugin-docs", "compile", "empty-init", "future-import-boilerplate", "ignores", "line-endings", "metaclass-boilerplate", "no-assert",
		"no-get-exception", "no-illegal-filenames", "no-main-display", "no-smart-quotes", "no-unicode-literals", "replace-urlopen", "shebang", "symlinks"},
	"control": {"action-plugin-docs", "compile", "empty-init", "ignores", "line-endings", "no-assert", "no-get-exception", "no-illegal-filenames",
		"no-smart-quotes", "replace-urlopen", "shebang", "symlinks", "use-compat-six"},
}

func TestAnsibleTestFindsNothing(t *testing.T) {
	dir := ship(t)
	eachCore(t, func(t *testing.T, c core) {
		if said, err := c.run(t, nil, "ansible-test", "--version"); err != nil {
			t.Skipf("needs ansible-test: %v\n%s", err, said)
		}
		args := []string{"sanity", "--local", "--python", "default", "--color", "no"}
		if c.name == "host" {
			args[3] = strings.TrimSpace(said(t, c, "python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"))
		}
		for _, test := range sanity[c.name] {
			args = append(args, "--test", test)
		}
		in := filepath.Join(dir, filepath.FromSlash(collection.Path))
		if out, err := c.run(t, nil, append([]string{"sh", "-c", `cd "$0" && exec ansible-test "$@"`, in}, args...)...); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	})
}

func said(t *testing.T, c core, args ...string) string {
	t.Helper()
	out, err := c.run(t, nil, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAnsibleLintFindsNothing(t *testing.T) {
	dir := ship(t)
	if _, err := host.Find("ansible-lint"); err != nil {
		t.Skipf("needs ansible-lint: %v", err)
	}
	in := filepath.Join(dir, filepath.FromSlash(collection.Path))
	out, err := core{name: "host"}.run(t, []string{"ANSIBLE_COLLECTIONS_PATH=" + dir}, "sh", "-c", `cd "$0" && exec ansible-lint --offline --nocolor --profile production`, in)
	if err != nil || !strings.Contains(out, "0 failure(s), 0 warning(s)") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestShellcheckFindsNothing(t *testing.T) {
	if _, err := host.Find("shellcheck"); err != nil {
		t.Skipf("needs shellcheck: %v", err)
	}
	const show = `import shlex, sys
sys.dont_write_bytecode = True
sys.path.insert(0, "../../collection/plugins/plugin_utils")
import scripts
hashes = {"x86_64": "0" * 64, "aarch64": "1" * 64}
script = {"run": scripts.run_script(hashes, "", "blocklist", "A='b c' "), "install": scripts.install_script(hashes, "/opt/it's here")}[sys.argv[1]]
print("#!/bin/sh\n" + shlex.split(script)[2])`
	for _, which := range []string{"run", "install"} {
		script, err := host.System{}.Run(t.Context(), host.Cmd{Args: []string{"python3", "-c", show, which}})
		if err != nil {
			t.Fatal(err)
		}
		cmd := host.Cmd{Args: []string{"shellcheck", "--shell=sh", "--severity=warning", "-"}, Stdin: string(script)}
		if out, err := (host.System{}).Run(t.Context(), cmd); err != nil {
			t.Errorf("the script to %s:\n%s\n%s", which, out, script)
		}
	}
}
