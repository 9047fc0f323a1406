// Package ansibletest holds Ansible modules against their documentation and runs them on a test's machine. It is for
// tests; modules themselves do not import it.
package ansibletest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"debvisor/internal/ansible"

	"gopkg.in/yaml.v3"
)

// collection is where the modules are found by their users.
const collection = "debvisor.core"

// documentation is what ansible-doc reads.
type documentation struct {
	Documentation struct {
		Module           string                    `yaml:"module"`
		ShortDescription string                    `yaml:"short_description"`
		Description      any                       `yaml:"description"`
		VersionAdded     string                    `yaml:"version_added"`
		Author           any                       `yaml:"author"`
		Options          map[string]option         `yaml:"options"`
		Attributes       map[string]map[string]any `yaml:"attributes"`
		Requirements     any                       `yaml:"requirements"`
		Notes            any                       `yaml:"notes"`
		SeeAlso          any                       `yaml:"seealso"`
	} `yaml:"DOCUMENTATION"`
	Examples any               `yaml:"EXAMPLES"` // a list of tasks, or the text of one
	Return   map[string]result `yaml:"RETURN"`
}

type option struct {
	Description  any               `yaml:"description"`
	Type         string            `yaml:"type"`
	Elements     string            `yaml:"elements"`
	Required     bool              `yaml:"required"`
	Default      any               `yaml:"default"`
	Choices      []any             `yaml:"choices"`
	Aliases      []string          `yaml:"aliases"`
	VersionAdded string            `yaml:"version_added"`
	Suboptions   map[string]option `yaml:"suboptions"`
}

type result struct {
	Description any               `yaml:"description"`
	Returned    string            `yaml:"returned"`
	Type        string            `yaml:"type"`
	Elements    string            `yaml:"elements"`
	Sample      any               `yaml:"sample"`
	Contains    map[string]result `yaml:"contains"`
}

// read parses strictly: a misspelt key of the documentation is an error.
func read(docs string) (documentation, error) {
	var d documentation
	dec := yaml.NewDecoder(strings.NewReader(docs))
	dec.KnownFields(true)
	err := dec.Decode(&d)
	return d, err
}

// CheckDocs is all in which a module's documentation and its struct differ, and what is missing: options with types,
// defaults, choices and aliases, attributes, examples that would run, return values. Empty when all is well.
func CheckDocs(m ansible.Module) []string {
	if err := m.Err(); err != nil {
		return []string{err.Error()}
	}
	d, err := read(m.Docs)
	if err != nil {
		return []string{err.Error()}
	}
	c := &checker{}
	c.general(m, d)
	c.options("", m.Options, d.Documentation.Options)
	c.attributes(d.Documentation.Attributes)
	c.examples(m, d.Examples)
	c.results("", d.Return)
	slices.Sort(c.wrong)
	return c.wrong
}

type checker struct{ wrong []string }

func (c *checker) need(ok bool, format string, args ...any) {
	if !ok {
		c.wrong = append(c.wrong, fmt.Sprintf(format, args...))
	}
}

func (c *checker) general(m ansible.Module, d documentation) {
	doc := d.Documentation
	c.need(doc.Module == m.Name, "module: %q, and the runtime reads %q", doc.Module, m.Name)
	c.need(doc.ShortDescription == m.Description && doc.ShortDescription != "", "short_description: %q, and the runtime reads %q", doc.ShortDescription, m.Description)
	c.need(!strings.HasSuffix(doc.ShortDescription, "."), "short_description: ends with a full stop")
	c.need(text(doc.Description) != "", "description: is missing")
	c.need(doc.VersionAdded != "", "version_added: is missing")
	c.need(text(doc.Author) != "", "author: is missing")
	c.need(d.Return != nil, "RETURN: is missing")
}

// text is a description, which may be a list of paragraphs.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []any:
		var all []string
		for _, item := range v {
			all = append(all, text(item))
		}
		return strings.Join(all, "\n")
	}
	return ""
}

func (c *checker) options(above string, options []ansible.Option, documented map[string]option) {
	known := map[string]bool{}
	for _, o := range options {
		known[o.Name] = true
		doc, ok := documented[o.Name]
		c.need(ok, "option %s%s: is not documented", above, o.Name)
		if ok {
			c.option(above+o.Name, o, doc)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(documented)) {
		c.need(known[name], "option %s%s: there is no such parameter", above, name)
	}
}

func (c *checker) option(name string, o ansible.Option, doc option) {
	same := func(what string, code, documented any) {
		c.need(asJSON(code) == asJSON(documented), "option %s: its %s is %s in the code and %s in the documentation", name, what, asJSON(code), asJSON(documented))
	}
	same("type", o.Type, doc.Type)
	same("elements", o.Elements, doc.Elements)
	same("required", o.Required, doc.Required)
	if o.Default != nil || !slices.Contains([]string{"[]", "{}", "null"}, asJSON(doc.Default)) {
		same("default", o.Default, doc.Default) // nothing and empty are the same to a module
	}
	same("aliases", sorted(o.Aliases), sorted(doc.Aliases))
	var choices []string
	for _, choice := range doc.Choices {
		choices = append(choices, fmt.Sprint(choice))
	}
	same("choices", sorted(o.Choices), sorted(choices))
	description := strings.ToLower(text(doc.Description))
	c.need(description != "", "option %s: has no description", name)
	c.need(!o.NoLog || strings.Contains(description, "secret"), "option %s: its description does not say that it is a secret", name)
	c.need(o.NoLog || !looksSecret(o), "option %s: looks like a secret and is not no_log", name)
	c.options(name+".", o.Options, doc.Suboptions)
}

// looksSecret goes by the name, as AnsibleModule does.
func looksSecret(o ansible.Option) bool {
	name := strings.ReplaceAll(strings.ToLower(o.Name), "passive", "")
	return o.Type == "str" && slices.ContainsFunc([]string{"pass", "secret", "token", "cryptkey"}, func(s string) bool { return strings.Contains(name, s) })
}

func sorted(names []string) []string { return slices.Sorted(slices.Values(names)) }

// asJSON makes values of the tags and of YAML comparable.
func asJSON(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

func (c *checker) attributes(all map[string]map[string]any) {
	for _, name := range []string{"check_mode", "diff_mode", "platform"} {
		c.need(text(all[name]["description"]) != "", "attribute %s: has no description", name)
	}
	for _, name := range []string{"check_mode", "diff_mode"} {
		c.need(all[name]["support"] == "full", "attribute %s: is not fully supported", name)
	}
	c.need(text(all["platform"]["platforms"]) != "", "attribute platform: no platforms")
}

var resultTypes = []string{"str", "int", "float", "bool", "list", "dict", "raw", "path"}

func (c *checker) results(above string, all map[string]result) {
	for name, r := range all {
		name = above + name
		c.need(text(r.Description) != "", "return value %s: has no description", name)
		c.need(r.Returned != "" || above != "", "return value %s: does not say when it is returned", name)
		c.need(slices.Contains(resultTypes, r.Type), "return value %s: its type is %q", name, r.Type)
		c.need(r.Type != "list" || r.Elements != "", "return value %s: says not what is in the list", name)
		c.results(name+".", r.Contains)
	}
}
