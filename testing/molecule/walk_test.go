package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"debvisor/internal/host"
	"debvisor/testing/lab"
)

// needLab skips a test where there can be no lab.
func needLab(t *testing.T) {
	t.Helper()
	if err := lab.Can(); err != nil {
		t.Skip(err)
	}
	if _, err := host.Find("ansible-playbook"); err != nil {
		t.Skip("needs ansible-playbook")
	}
}

// What the walk is for: a role that changes something each time does not pass, and its lab is gone.
func TestARoleThatIsNotIdempotentFails(t *testing.T) {
	needLab(t)
	for _, core := range lab.Cores {
		t.Run(core, func(t *testing.T) {
			short, err := os.MkdirTemp("", "m") // sockets cannot have long names
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(short)
			t.Setenv("TMPDIR", short)
			var out strings.Builder
			err = run(t.Context(), []string{"-core", core, "-roles", "testdata/roles", "restless"}, &out, io.Discard)
			if err == nil || err.Error() != "failed: restless/default "+core {
				t.Errorf("got %v", err)
			}
			var steps []string
			for line := range strings.Lines(out.String()) {
				if f := strings.Fields(line); len(f) > 3 && f[0] == "restless/default" && f[1] == core {
					steps = append(steps, f[2]+" "+f[3])
				}
			}
			want := []string{"dependency skipped:", "cleanup skipped:", "destroy ok", "syntax ok", "create ok", "prepare skipped:", "converge ok", "idempotence failed"}
			if !slices.Equal(steps, want) {
				t.Errorf("steps %q, want %q\n%s", steps, want, out.String())
			}
			if said := "changed: [node1] TASK [restless : Change something each time]"; !strings.Contains(out.String(), said) {
				t.Errorf("%q is not in\n%s", said, out.String())
			}
			if strings.Contains(out.String(), "changed: [node1] TASK [restless : Change nothing]") {
				t.Errorf("a task that changed nothing is blamed:\n%s", out.String())
			}
			if left, err := filepath.Glob(filepath.Join(os.TempDir(), "*")); err != nil || len(left) > 0 {
				t.Errorf("left over: %q, %v", left, err)
			}
		})
	}
}

// Whoever interrupts a walk is left with nothing.
func TestAnInterruptedWalkLeavesNothing(t *testing.T) {
	needLab(t)
	short, err := os.MkdirTemp("", "m") // sockets cannot have long names
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(short)
	t.Setenv("TMPDIR", short)
	ctx, cancel := context.WithCancel(t.Context())
	out := &stopper{at: "create", stop: cancel}
	if err := run(ctx, []string{"-core", "2.14", "-roles", "testdata/roles"}, out, io.Discard); err == nil {
		t.Error("the walk went on")
	}
	if !strings.Contains(out.String(), "create      ok") || strings.Contains(out.String(), "converge    ok") {
		t.Errorf("it was not interrupted after its lab was made:\n%s", out.String())
	}
	if left, err := filepath.Glob(filepath.Join(os.TempDir(), "*")); err != nil || len(left) > 0 {
		t.Errorf("left over: %q, %v", left, err)
	}
}

// stopper calls stop when a line with at is written.
type stopper struct {
	strings.Builder
	at   string
	stop func()
}

func (s *stopper) Write(p []byte) (int, error) {
	if strings.Contains(string(p), s.at) {
		s.stop()
	}
	return s.Builder.Write(p)
}

const least = `
dependency: {name: galaxy, enabled: false}
driver: {options: {managed: true}}
platforms: [{name: node1}, {name: node2, groups: [dns]}]
`

func TestWhatMoleculeWouldHeedIsNeverPassedOver(t *testing.T) {
	if _, err := parse(least); err != nil {
		t.Fatal(err)
	}
	for change, want := range map[string]string{
		"lint: yamllint": "field lint not found",
		"scenario: {converge_sequence: [converge]}": "field converge_sequence not found",
		"provisioner: {ansible_args: [--diff]}":     "field ansible_args not found",
		"verifier: {name: testinfra}":               "the verifier must be ansible",
	} {
		if _, err := parse(least + change + "\n"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", change, err, want)
		}
	}
	for old, change := range map[string]string{"enabled: false": "enabled: true", "managed: true": "managed: false", "options:": "name: docker, options:"} {
		if _, err := parse(strings.Replace(least, old, change, 1)); err == nil {
			t.Errorf("%s is taken", change)
		}
	}
}

func TestASequenceOfItsOwnIsWalked(t *testing.T) {
	c, err := parse(least + "scenario: {test_sequence: [create, converge, destroy]}\n")
	if err != nil || !slices.Equal(c.Scenario.TestSequence, []string{"create", "converge", "destroy"}) {
		t.Errorf("got %q, %v", c.Scenario.TestSequence, err)
	}
	k := &walk{walker: &walker{out: io.Discard}}
	if err := k.step(t.Context(), "meditate"); err == nil || !strings.Contains(err.Error(), "there is no step meditate") {
		t.Errorf("got %v", err)
	}
}

func TestVariablesAreFilledInAsMoleculeDoes(t *testing.T) {
	env := map[string]string{"A": "a", "EMPTY": ""}
	got, err := interpolate("$A ${A} ${EMPTY:-x} ${NONE:-y} $$A ${A}b", value(env))
	if want := "a a x y $A ab"; err != nil || got != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	if _, err := interpolate("${DEBVISOR_NO_SUCH}", value(env)); err == nil || !strings.Contains(err.Error(), "DEBVISOR_NO_SUCH") {
		t.Errorf("got %v", err)
	}
}

func TestTheInventoryHasPlatformsInTheirGroups(t *testing.T) {
	c, err := parse(least + "provisioner: {connection_options: {ansible_user: alex}}\n")
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.inventory([]instance{{Instance: "node2", Address: "10.99.0.12", User: "root", Port: "22", IdentityFile: "/key"}})
	if err != nil {
		t.Fatal(err)
	}
	want := `dns:
    hosts:
        node2:
            ansible_host: 10.99.0.12
            ansible_port: "22"
            ansible_private_key_file: /key
            ansible_user: alex
`
	if !strings.HasSuffix(got, want) || !strings.Contains(got, "node1:\n            ansible_user: alex\n") {
		t.Errorf("got\n%s\nwant at its end\n%s", got, want)
	}
}

func TestOnlyASecondRunWithoutChangesIsIdempotent(t *testing.T) {
	const out = "TASK [a : b] ****\n%s: [node1]\n\nPLAY RECAP ****\nnode1                      : ok=2    changed=%d    unreachable=0\n"
	if err := idempotent(fmt.Sprintf(out, "ok", 0)); err != nil {
		t.Error(err)
	}
	if err := idempotent(fmt.Sprintf(out, "changed", 10)); err == nil || !strings.Contains(err.Error(), "changed: [node1] TASK [a : b]") {
		t.Errorf("got %v", err)
	}
	if idempotent("nothing at all") == nil {
		t.Error("output without a recap is taken for no changes")
	}
}

func TestEveryRoleHasAScenarioThatIsUnderstood(t *testing.T) {
	found, err := find("../../roles", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range found {
		k := &walk{scenario: s}
		if _, _, err := k.read(k.environment("/e", "/e")); err != nil {
			t.Errorf("%s: %v", s, err)
		}
		for _, name := range []string{"create", "converge", "verify", "destroy"} {
			if _, err := os.Stat(filepath.Join(s.dir, name+".yml")); err != nil {
				t.Error(err)
			}
		}
	}
	if _, err := find("../../roles", []string{"none"}); err == nil {
		t.Error("a role that is not there is found")
	}
}

// schema is Molecule's, as ansible-lint carries it.
const schema = "/usr/lib/python3/dist-packages/ansiblelint/schemas/molecule.json"

func TestScenariosAreValidForMolecule(t *testing.T) {
	if _, err := os.Stat(schema); errors.Is(err, os.ErrNotExist) {
		t.Skip("needs ansible-lint, which carries Molecule's schema")
	}
	files, err := filepath.Glob("../../roles/*/molecule/*/molecule.yml")
	if err != nil || len(files) == 0 {
		t.Fatalf("found %q, %v", files, err)
	}
	bad := filepath.Join(t.TempDir(), "molecule.yml")
	if err := os.WriteFile(bad, []byte("driver: {}\nplatforms: []\nsequence: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const script = `import json, sys, yaml, jsonschema
jsonschema.validate(yaml.safe_load(open(sys.argv[2])), json.load(open(sys.argv[1])))`
	for _, f := range append(files, bad) {
		_, err := host.System{}.Run(t.Context(), host.Cmd{Args: []string{"/usr/bin/python3", "-c", script, schema, f}})
		if (err == nil) == (f == bad) {
			t.Errorf("%s: %v", f, err)
		}
	}
}
