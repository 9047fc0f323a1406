package ansibletest

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"debvisor/internal/ansible"
	"debvisor/internal/host"
)

// usual are the keys that the runtime returns for every module.
var usual = []string{"changed", "changes", "deprecations", "diff", "exception", "failed", "invocation", "msg", "warnings"}

// Run runs a module on a machine, with keys of the controller among the arguments if need be, and returns what Ansible
// would be given. A return value that is not documented fails the test.
func Run(t testing.TB, m ansible.Module, h *host.Host, arguments map[string]any) map[string]any {
	t.Helper()
	data, err := json.Marshal(arguments)
	if err != nil {
		t.Fatal(err)
	}
	result := m.Run(t.Context(), h, strings.NewReader(string(data)))
	d, err := read(m.Docs)
	if err != nil {
		t.Fatal(err)
	}
	for name := range result {
		if _, documented := d.Return[name]; !documented && !slices.Contains(usual, name) {
			t.Errorf("the return value %s is not documented", name)
		}
	}
	return result
}

// Converge runs a module in check mode, really, and once more, each with diffs. It fails the test when a run fails, when
// check mode foretold anything else than what the run did, or when the second run finds something to do. The result is
// that of the real run.
func Converge(t testing.TB, m ansible.Module, h *host.Host, arguments map[string]any) map[string]any {
	t.Helper()
	run := func(internal map[string]any) map[string]any {
		all := maps.Clone(arguments)
		if all == nil {
			all = map[string]any{}
		}
		maps.Copy(all, internal)
		result := Run(t, m, h, all)
		if result["failed"] == true {
			t.Fatalf("failed: %s", result["msg"])
		}
		return result
	}
	diff := map[string]any{"_ansible_diff": true, "_ansible_verbosity": 1}
	foretold := run(map[string]any{"_ansible_diff": true, "_ansible_verbosity": 1, "_ansible_check_mode": true})
	did := run(diff)
	again := run(diff)
	for _, key := range []string{"changed", "changes", "diff"} {
		if asJSON(foretold[key]) != asJSON(did[key]) {
			t.Errorf("check mode foretold %s %s, the run did %s", key, asJSON(foretold[key]), asJSON(did[key]))
		}
	}
	if again["changed"] != false || again["diff"] != nil {
		t.Errorf("the second run still changed something: %s", asJSON(again["changes"]))
	}
	return did
}
