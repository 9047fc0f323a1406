package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"debvisor/internal/host"
)

// instance is a line of the file in which the create playbook says how to reach what it made.
type instance struct {
	Instance     string `yaml:"instance"`
	Address      string `yaml:"address"`
	User         string `yaml:"user"`
	Port         string `yaml:"port"`
	IdentityFile string `yaml:"identity_file"`
}

// readInstances is empty before anything is created.
func readInstances(name string) ([]instance, error) {
	data, err := os.ReadFile(name)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []instance
	return all, yaml.Unmarshal(data, &all)
}

// files are what Molecule writes for Ansible below a directory: its settings, the scenario and the inventory.
func (c *config) files(text string, instances []instance) ([]host.Want, error) {
	inventory, err := c.inventory(instances)
	if err != nil {
		return nil, err
	}
	wants := []host.Want{
		host.File{Path: "/ansible.cfg", Content: c.settings(), Mode: 0o644},
		host.File{Path: "/molecule.yml", Content: text, Mode: 0o644},
		host.File{Path: "/inventory/ansible_inventory.yml", Content: inventory, Mode: 0o600},
	}
	for dir, all := range map[string]map[string]map[string]any{"group_vars": c.Provisioner.Inventory.GroupVars, "host_vars": c.Provisioner.Inventory.HostVars} {
		for _, name := range slices.Sorted(maps.Keys(all)) {
			data, err := yaml.Marshal(all[name])
			if err != nil {
				return nil, err
			}
			wants = append(wants, host.File{Path: "/inventory/" + dir + "/" + name + ".yml", Content: string(data), Mode: 0o644})
		}
	}
	return wants, nil
}

func write(ctx context.Context, dir string, wants []host.Want) error {
	h := &host.Host{Root: dir}
	changes, err := h.Need(wants...)
	if err != nil {
		return err
	}
	return h.Apply(ctx, changes)
}

// settings are Molecule's own with the scenario's over them. Its control_path is not among them: the names of sockets must
// be short.
func (c *config) settings() string {
	all := map[string]map[string]any{
		"defaults": {"display_failed_stderr": true, "forks": 50, "host_key_checking": false, "interpreter_python": "auto_silent",
			"nocows": 1, "retry_files_enabled": false},
	}
	for section, options := range c.Provisioner.ConfigOptions {
		if all[section] == nil {
			all[section] = map[string]any{}
		}
		maps.Copy(all[section], options)
	}
	var b strings.Builder
	for _, section := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, "[%s]\n", section)
		for _, option := range slices.Sorted(maps.Keys(all[section])) {
			fmt.Fprintf(&b, "%s = %v\n", option, all[section][option])
		}
	}
	return b.String()
}

// moleculeVars are the variables that playbooks of scenarios know.
var moleculeVars = map[string]string{
	"molecule_file":                "{{ lookup('env', 'MOLECULE_FILE') }}",
	"molecule_ephemeral_directory": "{{ lookup('env', 'MOLECULE_EPHEMERAL_DIRECTORY') }}",
	"molecule_scenario_directory":  "{{ lookup('env', 'MOLECULE_SCENARIO_DIRECTORY') }}",
	"molecule_yml":                 "{{ lookup('file', molecule_file) | from_yaml }}",
	"molecule_instance_config":     "{{ lookup('env', 'MOLECULE_INSTANCE_CONFIG') }}",
	"molecule_no_log":              "{{ not (molecule_yml.provisioner.log | default(false) | bool) }}",
}

// inventory has the platforms in their groups, as far as they are created.
func (c *config) inventory(instances []instance) (string, error) {
	type group struct {
		Hosts map[string]map[string]string `yaml:"hosts,omitempty"`
		Vars  map[string]string            `yaml:"vars,omitempty"`
	}
	groups := map[string]*group{"all": {Hosts: map[string]map[string]string{}, Vars: moleculeVars}}
	for _, p := range c.Platforms {
		options := c.connection(p.Name, instances)
		groups["all"].Hosts[p.Name] = options
		for _, name := range p.Groups {
			if groups[name] == nil {
				groups[name] = &group{Hosts: map[string]map[string]string{}}
			}
			groups[name].Hosts[p.Name] = options
		}
	}
	data, err := yaml.Marshal(groups)
	return string(data), err
}

func (c *config) connection(name string, instances []instance) map[string]string {
	options := map[string]string{}
	for _, i := range instances {
		if i.Instance == name {
			options = map[string]string{"ansible_host": i.Address, "ansible_user": i.User, "ansible_port": i.Port,
				"ansible_private_key_file": i.IdentityFile}
		}
	}
	maps.Copy(options, c.Provisioner.ConnectionOptions)
	return options
}
