package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"debvisor/internal/ansible"
	"debvisor/internal/ansible/ansibletest"
	"debvisor/internal/host"
)

func TestEveryModuleIsDocumentedAsItIs(t *testing.T) {
	for _, m := range modules {
		for _, wrong := range ansibletest.CheckDocs(m) {
			t.Errorf("%s: %s", m.Name, wrong)
		}
	}
}

// A folder below modules/ that is not in the list would be a module that nobody can call.
func TestEveryModuleIsInTheList(t *testing.T) {
	listed := map[string]ansible.Module{}
	for _, m := range modules {
		listed[m.Name] = m
	}
	found, err := filepath.Glob("*/*.yml")
	if err != nil || len(found) != len(modules) {
		t.Errorf("%d modules are listed; documentation: %q, %v", len(modules), found, err)
	}
	for _, name := range found {
		folder := filepath.Dir(name)
		if filepath.Base(name) != folder+".yml" || listed[folder].Name == "" {
			t.Errorf("%s is no listed module's", name)
		}
	}
}

// What a task copies to a node, and runs for each, leaves out what is large: TLS and HTTP, templates.
func TestModulesLeaveOutWhatIsLarge(t *testing.T) {
	list := host.Cmd{Args: []string{"go", "list", "-deps", "."}, Env: []string{"CGO_ENABLED=0"}}
	out, err := host.System{}.Run(t.Context(), list)
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.Fields(string(out))
	if len(packages) < 50 {
		t.Fatalf("only %d packages found: this test looks in the wrong place", len(packages))
	}
	for _, p := range packages {
		for _, large := range []string{"net/http", "crypto/tls", "text/template", "html/template", "github.com/spf13/cobra", "testing"} {
			if p == large {
				t.Errorf("the modules contain %s", p)
			}
		}
	}
}

// sizeLimit is what the binary may have, stripped, on each architecture.
const sizeLimit = 6_000_000

func TestTheBinaryIsSmallOnEachArchitecture(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64"} {
		name := filepath.Join(t.TempDir(), arch)
		build := host.Cmd{
			Args: []string{"go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", name, "."},
			Env:  []string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + arch},
		}
		if _, err := (host.System{}).Run(context.Background(), build); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d bytes", arch, info.Size())
		if info.Size() > sizeLimit {
			t.Errorf("the binary for %s has %d bytes, more than %d", arch, info.Size(), sizeLimit)
		}
	}
}
