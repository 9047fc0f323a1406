package ansible

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"debvisor/internal/host"
)

// Task is the task that a module runs for. A plan may use its methods from several goroutines, and so may the changes
// that it returns. A Task with only a Host is enough to call a plan in a test.
type Task struct {
	Host      *host.Host
	Module    string // as the task calls it, "debvisor.core.blocklist"
	Check     bool   // nothing will be changed; a plan has no need to look at it
	Diff      bool   // what changes will be shown
	Verbosity int    // number of -v
	NoLog     bool   // the task has no_log: what it returns is shown to nobody, and may be secret

	mu           sync.Mutex
	warnings     []string
	deprecations []deprecation
	values       map[string]any
	secrets      []string
	verifying    bool  // the second plan
	misuse       error // of this type, by the module
}

type deprecation struct {
	Message    string `json:"msg"`
	Version    string `json:"version"`
	Collection string `json:"collection_name"`
}

// Warn adds a warning to the result; each text is said once.
func (t *Task) Warn(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if text := fmt.Sprintf(format, args...); !slices.Contains(t.warnings, text) {
		t.warnings = append(t.warnings, text)
	}
}

// Deprecate says that something will be gone in a version of the module's collection.
func (t *Task) Deprecate(version, format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	d := deprecation{Message: fmt.Sprintf(format, args...), Version: version, Collection: collectionOf(t.Module)}
	if !slices.Contains(t.deprecations, d) {
		t.deprecations = append(t.deprecations, d)
	}
}

// collectionOf is the collection in a module's full name.
func collectionOf(module string) string {
	return module[:max(0, strings.LastIndexByte(module, '.'))]
}

// reserved are keys of a result that mean something to Ansible or that the runtime sets itself.
var reserved = []string{
	"add_group", "add_host", "ansible_facts", "changed", "changes", "deprecations", "diff", "exception", "failed", "invocation",
	"rc", "results", "skipped", "warnings",
}

// Return adds a return value: anything that encoding/json takes. "msg" replaces what the runtime would say about success.
// In the plan after the changes it does nothing, so that values tell what was found and done.
func (t *Task) Return(name string, value any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case slices.Contains(reserved, name) || strings.HasPrefix(name, "_ansible_"):
		t.misuse = fmt.Errorf("the module returns %q, which is Ansible's own", name)
	case t.verifying:
	default:
		if t.values == nil {
			t.values = map[string]any{}
		}
		t.values[name] = value
	}
}

// Secret takes care that a value is never printed from now on, in whatever the module returns. Parameters with no_log need
// no call.
func (t *Task) Secret(value string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.secrets = append(t.secrets, value)
}

// Values are what the plan has returned so far, for tests.
func (t *Task) Values() map[string]any {
	t.mu.Lock()
	defer t.mu.Unlock()
	values := make(map[string]any, len(t.values))
	for name, value := range t.values {
		values[name] = value
	}
	return values
}

// Warnings are what was warned of so far, for tests.
func (t *Task) Warnings() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.warnings)
}
