package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"debvisor/internal/host"
	"debvisor/testing/lab"
)

// place is where ansible-playbook runs: on this host, or on a lab's control node. The names of files are the same there.
type place struct {
	node *lab.Node // nil for this host
	work string    // directory for Ansible's settings and the inventory
}

// run returns all that the command writes.
func (p place) run(ctx context.Context, env map[string]string, args ...string) (string, error) {
	command := []string{"env", "--chdir=" + env["MOLECULE_PROJECT_DIRECTORY"]}
	for name, value := range env {
		command = append(command, name+"="+value)
	}
	command = append(command, args...)
	if p.node != nil {
		return p.node.Exec(ctx, append([]string{"sh", "-c", `exec "$0" "$@" 2>&1`}, command...)...)
	}
	var out strings.Builder
	var mu sync.Mutex
	_, err := host.System{}.Run(ctx, host.Cmd{Args: command, Line: func(line string) {
		mu.Lock()
		defer mu.Unlock()
		out.WriteString(line + "\n")
	}})
	return out.String(), err
}

// environment is what Molecule gives to ansible-playbook.
func (s scenario) environment(ephemeral, work string) map[string]string {
	return map[string]string{
		"ANSIBLE_CONFIG":               filepath.Join(work, "ansible.cfg"),
		"ANSIBLE_NOCOLOR":              "1",
		"ANSIBLE_ROLES_PATH":           filepath.Dir(s.project()),
		"MOLECULE_EPHEMERAL_DIRECTORY": ephemeral,
		"MOLECULE_FILE":                filepath.Join(work, "molecule.yml"),
		"MOLECULE_INSTANCE_CONFIG":     filepath.Join(ephemeral, "instance_config.yml"),
		"MOLECULE_INVENTORY_FILE":      filepath.Join(work, "inventory", "ansible_inventory.yml"),
		"MOLECULE_PROJECT_DIRECTORY":   s.project(),
		"MOLECULE_SCENARIO_DIRECTORY":  s.dir,
		"MOLECULE_SCENARIO_NAME":       s.name,
	}
}

// value is what a variable in molecule.yml stands for.
func value(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		if v, ok := env[name]; ok {
			return v, true
		}
		return os.LookupEnv(name)
	}
}
