// Package e2e tests the product as a whole: the ISO that the builder made is started in QEMU, installs itself to blank
// disks, and the node that boots from them is looked at from outside. It has no code but tests. They run with
// DEBVISOR_E2E=1, as root, on the newest minimal ISO in build/ or on the one that DEBVISOR_ISO names.
package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"debvisor/internal/host"
	"debvisor/testing/qemu"
)

const buildDir = "../../build"

// imageUnderTest is the ISO's path; the test is skipped, with the reason, where it cannot run.
func imageUnderTest(t *testing.T, tools ...string) string {
	t.Helper()
	if os.Getenv("DEBVISOR_E2E") == "" {
		t.Skip("takes minutes: set DEBVISOR_E2E=1")
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root: makes network namespaces")
	}
	for _, tool := range tools {
		if _, err := host.Find(tool); err != nil {
			t.Skipf("needs %s", tool)
		}
	}
	iso := newestISO(t)
	if iso == "" {
		t.Skip("needs an ISO: make iso EDITION=minimal")
	}
	return iso
}

func newestISO(t *testing.T) string {
	if path := os.Getenv("DEBVISOR_ISO"); path != "" {
		return path
	}
	found, err := filepath.Glob(buildDir + "/debvisor-*-amd64.iso")
	if err != nil {
		t.Fatal(err)
	}
	newest, when := "", time.Time{}
	for _, path := range found {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.ModTime().After(when) && (strings.Contains(path, "minimal") || newest == "") {
			newest, when = path, info.ModTime()
		}
	}
	return newest
}

// consoleLog is where a machine's console is kept, over all its boots.
func consoleLog(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(buildDir, "log", "e2e", name+".log")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// start switches a machine on for the rest of the test; a failed test shows how its console ended.
func start(t *testing.T, m qemu.Machine) *qemu.VM {
	t.Helper()
	vm, err := qemu.Start(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s ends with\n%s", m.Log, vm.Console.Tail(40))
		}
		vm.Kill()
	})
	return vm
}

// await waits for text on a console, for at most limit.
func await(t *testing.T, vm *qemu.VM, limit time.Duration, want string, bad ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	text, err := vm.Console.Wait(ctx, want, append(bad, "Kernel panic", "emergency mode")...)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func newDisk(t *testing.T, dir, name string) string {
	t.Helper()
	path := filepath.Join(dir, name+".img")
	if err := qemu.NewDisk(path, systemDisk); err != nil {
		t.Fatal(err)
	}
	return path
}

// systemDisk is a little more than the least that an installation takes.
const systemDisk = 28 << 30

// shell runs commands on a console where somebody is logged in.
type shell struct{ vm *qemu.VM }

// run returns what the command printed and its exit code.
func (s shell) run(t *testing.T, limit time.Duration, command string) (string, int) {
	t.Helper()
	// The terminal echoes what is typed; the quotes keep the echo from looking like the end.
	if err := s.vm.Console.Send(command + "; echo 'EN''D='$?=\n"); err != nil {
		t.Fatal(err)
	}
	out := await(t, s.vm, limit, "END=")
	code := 0
	if _, err := fmt.Sscanf(await(t, s.vm, limit, "="), "%d=", &code); err != nil {
		t.Fatalf("read the exit code of %s: %v", command, err)
	}
	_, out, _ = strings.Cut(out, "\n") // the echo
	return strings.ReplaceAll(strings.TrimSuffix(out, "END="), "\r", ""), code
}
