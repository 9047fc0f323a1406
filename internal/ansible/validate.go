package ansible

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"debvisor/internal/report"
)

// check is one pass over a task's arguments. It collects all that is wrong, in AnsibleModule's words.
type check struct {
	module   string // as the task calls it
	findings []error
	warn     func(format string, args ...any)
}

func (c *check) add(format string, args ...any) {
	c.findings = append(c.findings, fmt.Errorf(format, args...))
}

// arguments returns the values of all options that are given or have a default, each converted to its type, by the
// option's own name. parents are the options above these.
func (c *check) arguments(options []Option, given map[string]any, parents []string) map[string]any {
	c.unsupported(options, given, parents)
	values := c.resolve(options, given, parents)
	c.excluded(options, values, parents)
	c.missing(options, values, parents)
	for _, o := range options {
		if v, ok := values[o.Name]; ok {
			c.value(o, v, values, parents)
		} else if o.Default != nil {
			values[o.Name] = o.Default
		} else if o.Type == "dict" && o.Options != nil {
			values[o.Name] = nil
		}
	}
	c.conditions(options, values, parents)
	return values
}

// resolve names values by their options instead of aliases, and leaves out null.
func (c *check) resolve(options []Option, given map[string]any, parents []string) map[string]any {
	values := map[string]any{}
	for _, o := range options {
		for _, name := range o.names() {
			v := given[name]
			if v == nil {
				continue
			}
			if _, twice := values[o.Name]; twice {
				path := strings.Join(append(slices.Clone(parents), ""), ".")
				c.warn("Both option %s%s and its alias %s%s are set.", path, o.Name, path, name)
			}
			values[o.Name] = v
		}
	}
	return values
}

func (c *check) unsupported(options []Option, given map[string]any, parents []string) {
	names, aliases := namesOf(options)
	var wrong, hints []string
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if slices.Contains(names, key) || slices.Contains(aliases, key) || len(parents) == 0 && strings.HasPrefix(key, "_ansible_") {
			continue
		}
		wrong = append(wrong, strings.Join(append(slices.Clone(parents), key), "."))
		if near := report.Nearest(key, append(slices.Clone(names), aliases...)); near != "" {
			hints = append(hints, near)
		}
	}
	if len(wrong) == 0 {
		return
	}
	supported := strings.Join(names, ", ")
	if len(aliases) > 0 {
		supported += " (" + strings.Join(aliases, ", ") + ")"
	}
	hint := ""
	if len(hints) > 0 {
		hint = " Did you mean " + strings.Join(hints, ", ") + "?"
	}
	c.add("Unsupported parameters for (%s) module: %s. Supported parameters include: %s.%s", c.module, strings.Join(wrong, ", "), supported, hint)
}

// namesOf are the options' names and their aliases, both sorted.
func namesOf(options []Option) (names, aliases []string) {
	for _, o := range options {
		names = append(names, o.Name)
		aliases = append(aliases, o.Aliases...)
	}
	slices.Sort(names)
	slices.Sort(aliases)
	return names, aliases
}

func (c *check) missing(options []Option, values map[string]any, parents []string) {
	var names []string
	for _, o := range options {
		if _, given := values[o.Name]; o.Required && !given {
			names = append(names, o.Name)
		}
	}
	if len(names) > 0 {
		slices.Sort(names)
		c.add("missing required arguments: %s%s", strings.Join(names, ", "), found(parents))
	}
}

// found says where, for options inside others.
func found(parents []string) string {
	if len(parents) == 0 {
		return ""
	}
	return " found in " + strings.Join(parents, " -> ")
}

func (c *check) excluded(options []Option, values map[string]any, parents []string) {
	for _, o := range options {
		if _, given := values[o.Name]; !given {
			continue
		}
		for _, other := range o.Excludes {
			if _, given := values[other]; given {
				c.add("parameters are mutually exclusive: %s|%s%s", o.Name, other, found(parents))
			}
		}
	}
}

func (c *check) conditions(options []Option, values map[string]any, parents []string) {
	var order []Condition
	missing := map[Condition][]string{}
	for _, o := range options {
		for _, wanted := range o.If {
			text, _ := toText(values[wanted.Option]) // what has no text is no value to compare with
			if values[o.Name] != nil || text != wanted.Value && !strings.EqualFold(text, pythonName(wanted.Value)) {
				continue
			}
			if missing[wanted] == nil {
				order = append(order, wanted)
			}
			missing[wanted] = append(missing[wanted], o.Name)
		}
	}
	for _, wanted := range order {
		c.add("%s is %s but all of the following are missing: %s%s", wanted.Option, wanted.Value, strings.Join(missing[wanted], ", "), found(parents))
	}
}

// pythonName is a bool in a tag as toText writes it.
func pythonName(value string) string {
	if b, err := toBool(value); err == nil {
		return pythonBool(b)
	}
	return value
}

// value converts one value in place, or takes it out when it is wrong.
func (c *check) value(o Option, v any, values map[string]any, parents []string) {
	delete(values, o.Name)
	converted, err := convert(o, v)
	var item itemError
	switch {
	case errors.As(err, &item):
		c.add("Elements value for option '%s'%s is of type %s and we were unable to convert to %s: %w", o.Name, quotedFound(parents), pythonType(item.item), o.Elements, err)
		return
	case err != nil:
		c.add("argument '%s' is of type %s%s and we were unable to convert to %s: %w", o.Name, pythonType(v), quotedFound(parents), o.Type, err)
		return
	}
	if converted, err = o.choose(converted); err != nil {
		c.add("%w%s", err, found(parents))
		return
	}
	values[o.Name] = c.inside(o, converted, parents)
}

func quotedFound(parents []string) string {
	if len(parents) == 0 {
		return ""
	}
	return " found in '" + strings.Join(parents, " -> ") + "'"
}

// inside checks the suboptions of a dict and of the dicts in a list.
func (c *check) inside(o Option, v any, parents []string) any {
	if o.Options == nil {
		return v
	}
	parents = append(slices.Clone(parents), o.Name)
	switch v := v.(type) {
	case map[string]any:
		return c.arguments(o.Options, v, parents)
	case []any:
		for i, item := range v {
			if dict, ok := item.(map[string]any); ok {
				v[i] = c.arguments(o.Options, dict, parents)
			}
		}
	}
	return v
}

// choose holds a value against the choices. YAML makes true of a bare yes; where only one choice can be meant, it is that.
func (o Option) choose(v any) (any, error) {
	if o.Choices == nil {
		return v, nil
	}
	if items, ok := v.([]any); ok {
		var wrong []string
		for _, item := range items {
			if text, _ := toText(item); !slices.Contains(o.Choices, text) {
				wrong = append(wrong, text)
			}
		}
		if len(wrong) > 0 {
			return nil, fmt.Errorf("value of %s must be one or more of: %s. Got no match for: %s", o.Name, strings.Join(o.Choices, ", "), strings.Join(wrong, ", "))
		}
		return v, nil
	}
	text, _ := toText(v) // convert left nothing that has none
	if slices.Contains(o.Choices, text) {
		return v, nil
	}
	if meant := o.meant(text); meant != "" {
		return meant, nil
	}
	return nil, fmt.Errorf("value of %s must be one of: %s, got: %s", o.Name, strings.Join(o.Choices, ", "), text)
}

func (o Option) meant(text string) string {
	if text != "True" && text != "False" {
		return ""
	}
	var same []string
	for _, choice := range o.Choices {
		if b, err := toBool(choice); err == nil && pythonBool(b) == text {
			same = append(same, choice)
		}
	}
	if len(same) != 1 {
		return ""
	}
	return same[0]
}
