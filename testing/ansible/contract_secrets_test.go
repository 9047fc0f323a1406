package ansible_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The secrets of the plays below: one that JSON, Go and YAML all write differently, one of two lines, a number, nested
// ones, and one that the module makes itself.
const (
	oddSecret   = "p\"a\\s<s>&ü/7f3e"
	lineOne     = "first-line-c0ffee"
	lineTwo     = "second-line-decade"
	pinSecret   = "918273645"
	nestedKey   = "nested-key-55aa"
	ownSecret   = "generated-91b7"
	openContent = "nothing-to-hide-1234"
)

// secretPlay does everything that a module can do with secrets, twice: the task itself a secret or not.
func secretPlay(dir string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "vars:\n  odd: %s\n  lines: \"%s\\n%s\\n\"\n  key: %s\n  pin: %s\ntasks:\n", strconv.Quote(oddSecret), lineOne, lineTwo, nestedKey, pinSecret)
	for _, hidden := range []string{"false", "true"} {
		for i, how := range []string{
			"do: show", "do: fail", "do: panic", "do: warn", "do: halfway, path: " + dir + "/" + hidden + "-half",
			"path: " + dir + "/" + hidden + "-new", "path: " + dir + "/" + hidden + "-new, secret: true", "pin: 'x{{ pin }}'",
			"peers: [{host: a, key: '{{ key }}', prot: 1}]", "tokn: '{{ TOKEN }}'", "do: '{{ TOKEN }}'",
		} {
			extra := ""
			if !strings.Contains(how, "pin") {
				extra += ", pin: '{{ pin }}'"
			}
			if !strings.Contains(how, "peers") {
				extra += ", peers: [{host: a, key: '{{ key }}'}]"
			}
			for _, token := range []string{"odd", "lines"} {
				fmt.Fprintf(&b, "  - name: t%s-%d-%s\n    contract: {%s%s, token: '{{ %s }}', content: %s}\n    no_log: %s\n    ignore_errors: true\n", hidden, i, token, strings.ReplaceAll(how, "TOKEN", token), extra, token, openContent, hidden)
			}
		}
	}
	return b.String()
}

// spelt are all ways in which a secret would be legible in an output.
func spelt(secret string) []string {
	quoted, err := json.Marshal(secret)
	if err != nil {
		return nil
	}
	inner := strings.Trim(string(quoted), `"`)
	return []string{secret, inner, strings.Trim(strconv.Quote(secret), `"`), strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(inner),
		strings.ReplaceAll(secret, "ü", `\u00fc`), strings.ReplaceAll(strings.ReplaceAll(secret, `\`, `\\`), "ü", "")}
}

func leaked(out string) []string {
	var found []string
	for _, secret := range []string{oddSecret, lineOne, lineTwo, pinSecret, nestedKey, ownSecret} {
		for _, s := range spelt(secret) {
			if strings.Contains(out, s) {
				found = append(found, s)
			}
		}
	}
	return found
}

func TestNoSecretIsInAnyOutput(t *testing.T) {
	eachCore(t, func(t *testing.T, c core) {
		c.playbook(t, secretPlay(emptyDir(t)), "-vvv", "--diff").keepsSecrets(t)
	})
}

// The same over ssh through the cache, whose scripts and messages are in the output too.
func TestNoSecretIsInAnyOutputOfTheTransport(t *testing.T) {
	eachStage(t, func(t *testing.T, s *stage) {
		text := "- hosts: node\n  gather_facts: false\n  collections: [debvisor.core]\n" + indent(secretPlay(emptyDir(t)))
		p := s.playWith(t, text, "-vvv", "--diff")
		p.keepsSecrets(t)
		if n := p.count("contract was run from " + cacheOfRoot); n != 44 {
			t.Errorf("%d tasks were run from the cache:\n%s", n, p.short())
		}
	})
}

func emptyDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(collections, "secrets-")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// keepsSecrets fails the test when a secret is in what a run of secretPlay printed or returned, or when it did not run.
func (p play) keepsSecrets(t *testing.T) {
	t.Helper()
	if p.err != nil || len(p.results) != 44 {
		t.Fatalf("%d tasks ran, %v\n%s", len(p.results), p.err, p.short())
	}
	for _, secret := range leaked(p.out) {
		t.Errorf("the output has %q: %s", secret, around(p.out, secret))
	}
	for _, o := range p.results {
		data, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		if found := leaked(string(data)); found != nil {
			t.Errorf("%s: the result has %q: %s", o.Task, found, data)
		}
	}
	// What is no secret is there: the tasks did run, and said what they are for.
	for _, open := range []string{openContent, "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER", "the server refused ********", "weak: ********", "no longer: ********",
		"the module has a bug: cannot handle ********", "no space for ********", "-new: the contents are secret"} {
		if !strings.Contains(p.out, open) {
			t.Errorf("the output says nothing of %q", open)
		}
	}
}

func around(out, secret string) string {
	i := strings.Index(out, secret)
	return out[max(0, i-100):min(len(out), i+len(secret)+60)]
}

// The search itself: a parameter that is no secret shows each of these values, and is found to.
func TestTheSearchForSecretsFindsThem(t *testing.T) {
	eachCore(t, func(t *testing.T, c core) {
		secrets := []string{oddSecret, lineOne, lineTwo, pinSecret, nestedKey}
		tasks := "tasks:\n"
		for _, secret := range secrets {
			tasks += "  - contract: {text: " + strconv.Quote(secret) + "}\n"
		}
		p := c.playbook(t, tasks, "-vvv")
		found := leaked(p.out)
		for _, secret := range secrets {
			if !slices.ContainsFunc(spelt(secret), func(s string) bool { return slices.Contains(found, s) }) {
				t.Errorf("%q is not found in\n%s", secret, p.out)
			}
		}
	})
}
