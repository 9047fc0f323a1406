package collection

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// license stands in front of what Ansible wants under its own license.
const license = "# SPDX-FileCopyrightText: The DebVisor authors\n# SPDX-License-Identifier: GPL-3.0-or-later\n" +
	"# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)\n"

// modulesOf are the modules' names: the folders of modules/ with documentation of that name.
func modulesOf(files fs.FS) ([]string, error) {
	docs, err := fs.Glob(files, "modules/*/*.yml")
	var names []string
	for _, d := range docs {
		if name := path.Base(path.Dir(d)); path.Base(d) == name+".yml" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, err
}

// addModules adds what Ansible needs beside the binary: the documentation, in the one form that ansible-doc also lists, the
// action plugin, and the group for module_defaults.
func (c *Collection) addModules(s Source) error {
	modules, err := modulesOf(s.Files)
	if err != nil {
		return err
	}
	for _, m := range modules {
		name := path.Join("modules", m, m+".yml")
		text, err := fs.ReadFile(s.Files, name)
		if err != nil {
			return err
		}
		stub, err := stub(text)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		c.add(Entry{Path: "plugins/modules/" + m + ".py", Data: []byte(stub)})
		c.add(Entry{Path: "plugins/action/" + m + ".py", Data: []byte(action(m))})
	}
	return c.addRuntime(s, modules)
}

// future is what ansible-test of ansible-core 2.14 to 2.16 asks of every module, and later ones allow.
const future = "\nfrom __future__ import absolute_import, division, print_function\n\n__metaclass__ = type\n"

// stub is a Python file that holds a module's documentation and nothing else.
func stub(docs []byte) (string, error) {
	if err := yaml.Unmarshal(docs, &map[string]any{}); err != nil {
		return "", err
	}
	var s strings.Builder
	s.WriteString(license + future)
	for _, part := range []string{"DOCUMENTATION", "EXAMPLES", "RETURN"} {
		text := block(string(docs), part)
		if text == "" {
			return "", fmt.Errorf("%s is missing, or not a block of its own", part)
		}
		if strings.Contains(text, `"""`) {
			return "", fmt.Errorf(`%s has """ in it, which ends a text in Python`, part)
		}
		fmt.Fprintf(&s, "\n%s = r\"\"\"\n---\n%s\"\"\"\n", part, text)
	}
	return s.String(), nil
}

// block is what is indented below a key, as it was written: a YAML encoder would make one long line of each sentence.
func block(docs, key string) string {
	var lines []string
	inside := false
	for line := range strings.Lines(docs) {
		if line == "\n" || line[0] == ' ' || strings.HasPrefix(line, "- ") {
			if inside {
				lines = append(lines, line)
			}
			continue
		}
		inside = strings.HasPrefix(line, key+":")
	}
	text := strings.Trim(strings.Join(lines, ""), "\n")
	indent := text[:len(text)-len(strings.TrimLeft(text, " "))]
	text = strings.ReplaceAll("\n"+text, "\n"+indent, "\n")[1:]
	if text == "" {
		return ""
	}
	return text + "\n"
}

// action is the plugin by which Ansible runs a module through the cache on the target.
func action(module string) string {
	return license + fmt.Sprintf(`"""Runs the module %s: see plugins/plugin_utils/transport.py."""

from __future__ import annotations

from ansible_collections.%s.%s.plugins.plugin_utils.transport import ActionModule

__all__ = ["ActionModule"]
`, module, Namespace, Name)
}

// addRuntime adds the group of all modules, for module_defaults, to meta/runtime.yml.
func (c *Collection) addRuntime(s Source, modules []string) error {
	const name = "meta/runtime.yml"
	text, err := fs.ReadFile(s.Files, "collection/"+name)
	if err != nil {
		return err
	}
	group := "action_groups:\n  all:\n"
	for _, m := range modules {
		group += "    - " + m + "\n"
	}
	c.add(Entry{Path: name, Data: []byte(string(text) + group)})
	return nil
}
