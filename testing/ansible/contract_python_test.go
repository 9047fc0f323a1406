package ansible_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"debvisor/internal/host"
)

// askAnsible prints what AnsibleModule's own validator makes of values: for each line [type, elements, value] of JSON a
// line of JSON, the value or {"error": text}.
const askAnsible = `
import json, sys
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
for line in sys.stdin:
    kind, elements, value = json.loads(line)
    spec = {"type": kind}
    if elements:
        spec["elements"] = elements
    result = ArgumentSpecValidator({"p": spec}).validate({"p": value})
    if result.error_messages:
        print(json.dumps({"error": result.error_messages[0]}))
    else:
        print(json.dumps({"value": result.validated_parameters["p"]}).replace("NaN", '"NaN"'))
`

// question is a value for one of the parameters of the test's module.
type question struct{ parameter, kind, elements, value string }

func questions() []question {
	texts := []string{`"x"`, `""`, `"2"`, `" 2 "`, `"-7"`, `"+5"`, `"007"`, `"1_000"`, `"1__0"`, `"0x10"`, `"0o17"`, `"1e3"`, `"2.50"`, `"a,b"`, `"a, b,"`, `","`,
		`"{\"a\": 1}"`, `"a=1"`, `"a=1, b='x y'"`, `"a=1 b"`, `"a=\"q,w\" c=d\\=e"`, `"{\"a\": "`, `"="`, `"yes"`, `"YES"`, `" On "`, `"t"`, `"n"`, `"perhaps"`, `"true"`, `"nan"`, `"ü𝄞"`, `"$HOME/x"`, `"${NOT_SET}/$/x"`, `"~/x"`, `"~root/x"`, `"~nobody-here"`, `"a~"`}
	others := []string{`0`, `1`, `2`, `-3`, `1.0`, `2.5`, `9007199254740993`, `true`, `false`, `[]`, `[1, "2"]`, `["a", "b"]`, `[true]`, `{}`, `{"a": 1}`}
	var all []question
	for _, v := range append(texts, others...) {
		all = append(all, question{"text", "str", "", v}, question{"count", "int", "", v}, question{"force", "bool", "", v}, question{"ratio", "float", "", v},
			question{"path", "path", "", v}, question{"names", "list", "str", v}, question{"numbers", "list", "int", v}, question{"dict", "dict", "", v}, question{"raw", "raw", "", v})
	}
	return all
}

// differs are the questions that are answered differently on purpose, and why.
func differs(q question, core string) string {
	structured := strings.HasPrefix(q.value, "[") || strings.HasPrefix(q.value, "{")
	integral := map[string]bool{`"1e3"`: true, `1.0`: true, `"1.0"`: true}
	switch {
	case structured && (q.kind == "str" || q.kind == "path"):
		return "Python's spelling of a list or dict is of no use as text"
	case (q.value == "true" || q.value == "false") && (q.kind == "int" || q.kind == "float"):
		return "a yes is no number"
	case q.value == "[true]" && q.elements == "int":
		return "a yes is no number"
	case q.kind == "float" && q.value == `"nan"`:
		return "a number is one"
	case q.kind == "list" && q.value == `""`:
		return "nothing is no item"
	case integral[q.value] && (q.kind == "int" || q.elements == "int") && core == "2.14":
		return "newer cores take whole numbers written as floats"
	case q.value == `"1__0"` && (q.kind == "int" || q.elements == "int") && core != "2.14":
		return "Python's decimal takes it, Python's int does not"
	}
	return ""
}

// Conversions are held against the original, both versions of it.
func TestConversionsAreThoseOfAnsibleModule(t *testing.T) {
	eachCore(t, func(t *testing.T, c core) {
		core := c.version(t)
		all := questions()
		theirs := c.ask(t, all)
		for i, q := range all {
			ours := invoke(t, q)
			their := theirs[i]
			same := ours["error"] != nil && their["error"] != nil || asJSON(t, ours["value"]) == asJSON(t, their["value"]) && (ours["error"] == nil) == (their["error"] == nil)
			why := differs(q, core)
			if same != (why == "") {
				t.Errorf("%s %s: ours %s, theirs %s; wanted to differ: %q", q.kind+q.elements, q.value, asJSON(t, ours), asJSON(t, their), why)
			}
		}
	})
}

func (c core) version(t *testing.T) string {
	t.Helper()
	cmd := host.Cmd{Args: append(append([]string{}, c.prefix...), "/usr/bin/python3", "-c", "from ansible.release import __version__ as v; print('.'.join(v.split('.')[:2]))")}
	out, err := host.System{}.Run(t.Context(), cmd)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func (c core) ask(t *testing.T, all []question) []map[string]any {
	t.Helper()
	var lines strings.Builder
	for _, q := range all {
		fmt.Fprintf(&lines, "[%q, %q, %s]\n", q.kind, q.elements, q.value)
	}
	cmd := host.Cmd{Args: append(append([]string{}, c.prefix...), "/usr/bin/python3", "-W", "ignore", "-c", askAnsible), Stdin: lines.String(), Env: []string{"HOME=/root"}}
	out, err := host.System{}.Run(t.Context(), cmd)
	if err != nil {
		t.Fatal(err)
	}
	var answers []map[string]any
	dec := json.NewDecoder(strings.NewReader(string(out)))
	dec.UseNumber()
	for dec.More() {
		var answer map[string]any
		if err := dec.Decode(&answer); err != nil {
			t.Fatal(err)
		}
		answers = append(answers, answer)
	}
	if len(answers) != len(all) {
		t.Fatalf("%d answers to %d questions:\n%s", len(answers), len(all), out)
	}
	return answers
}

// invoke is what the test's module understands, as it shows it in its invocation.
func invoke(t *testing.T, q question) map[string]any {
	t.Helper()
	cmd := host.Cmd{Args: []string{moduleBinary(), "-"}, Stdin: fmt.Sprintf(`{%q: %s, "_ansible_check_mode": true, "_ansible_no_log": true}`, q.parameter, q.value), Env: []string{"HOME=/root"}}
	out, err := host.System{}.Run(t.Context(), cmd)
	var result struct {
		Failed     bool
		Msg        string
		Invocation struct {
			Arguments map[string]any `json:"module_args"`
		}
	}
	dec := json.NewDecoder(strings.NewReader(string(out)))
	dec.UseNumber()
	if err := dec.Decode(&result); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if result.Failed != (err != nil) {
		t.Errorf("%s: failed %v, exit %v", q.value, result.Failed, err)
	}
	if result.Failed {
		return map[string]any{"error": result.Msg}
	}
	return map[string]any{"value": result.Invocation.Arguments[q.parameter]}
}

// asJSON writes 2, 2.0 and 0.2e1 alike, and whole numbers exactly.
func asJSON(t *testing.T, v any) string {
	t.Helper()
	if n, ok := v.(json.Number); ok {
		if f, err := n.Float64(); err == nil && strings.ContainsAny(n.String(), ".e") {
			v = json.Number(strconv.FormatFloat(f, 'f', -1, 64))
		}
	}
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
