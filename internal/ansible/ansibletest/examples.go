package ansibletest

import (
	"encoding/json"
	"strings"

	"debvisor/internal/ansible"

	"gopkg.in/yaml.v3"
)

// examples holds each task in the documentation against the module: it must be one that would be accepted.
func (c *checker) examples(m ansible.Module, examples any) {
	if s, ok := examples.(string); ok {
		var tasks any
		if err := yaml.Unmarshal([]byte(s), &tasks); err != nil {
			c.need(false, "EXAMPLES: %v", err)
			return
		}
		examples = tasks
	}
	tasks, ok := examples.([]any)
	c.need(ok && len(tasks) > 0, "EXAMPLES: no list of tasks")
	for _, t := range tasks {
		task, ok := t.(map[string]any)
		name := text(task["name"])
		c.need(ok && name != "", "EXAMPLES: a task without a name")
		arguments, ok := task[collection+"."+m.Name]
		c.need(ok, "EXAMPLES: task %q does not call %s.%s", name, collection, m.Name)
		if ok {
			c.example(m, name, arguments)
		}
	}
}

func (c *checker) example(m ansible.Module, name string, arguments any) {
	dict, err := decoded(arguments)
	if err != nil {
		c.need(false, "EXAMPLES: task %q: %v", name, err)
		return
	}
	later := withoutTemplates(dict)
	for _, finding := range findings(m.Validate(dict)) {
		if !later || !strings.Contains(finding, "missing") {
			c.need(false, "EXAMPLES: task %q: %s", name, finding)
		}
	}
}

// decoded is YAML as the module gets it.
func decoded(v any) (map[string]any, error) {
	if v == nil {
		return map[string]any{}, nil
	}
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.UseNumber()
	var dict map[string]any
	err = dec.Decode(&dict)
	return dict, err
}

// withoutTemplates takes out what only a play knows, by making it null, and reports whether there was any.
func withoutTemplates(dict map[string]any) bool {
	found := false
	for key, v := range dict {
		switch v := v.(type) {
		case string:
			if strings.Contains(v, "{{") {
				dict[key], found = nil, true
			}
		case map[string]any:
			found = withoutTemplates(v) || found
		case []any:
			for _, item := range v {
				if inner, ok := item.(map[string]any); ok {
					found = withoutTemplates(inner) || found
				} else if s, ok := item.(string); ok && strings.Contains(s, "{{") {
					dict[key], found = nil, true
				}
			}
		}
	}
	return found
}

func findings(err error) []string {
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}
