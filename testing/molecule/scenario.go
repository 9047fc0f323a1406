package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// scenario is a directory with a molecule.yml.
type scenario struct {
	role, name string
	dir        string // absolute
}

func (s scenario) String() string { return s.role + "/" + s.name }

func (s scenario) project() string { return filepath.Dir(filepath.Dir(s.dir)) }

// find lists the scenarios of the named roles, or of all. A role without one is an error.
func find(roles string, names []string) ([]scenario, error) {
	roles, err := filepath.Abs(roles)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(roles)
	if err != nil {
		return nil, err
	}
	var found []scenario
	for _, e := range entries {
		if len(names) > 0 && !slices.Contains(names, e.Name()) {
			continue
		}
		of, err := scenariosOf(roles, e.Name())
		if err != nil {
			return nil, err
		}
		found = append(found, of...)
	}
	for _, name := range names {
		if !slices.ContainsFunc(found, func(s scenario) bool { return s.role == name }) {
			return nil, fmt.Errorf("there is no role %s in %s", name, roles)
		}
	}
	return found, nil
}

func scenariosOf(roles, role string) ([]scenario, error) {
	files, err := filepath.Glob(filepath.Join(roles, role, "molecule", "*", "molecule.yml"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("the role %s has no Molecule scenario", role)
	}
	var found []scenario
	for _, f := range files {
		dir := filepath.Dir(f)
		found = append(found, scenario{role: role, name: filepath.Base(dir), dir: dir})
	}
	return found, nil
}

// config is a molecule.yml. Keys that Molecule knows and this does not are left out, so that they are an error.
type config struct {
	Dependency struct {
		Name    string `yaml:"name"`
		Enabled *bool  `yaml:"enabled"`
	} `yaml:"dependency"`
	Driver struct {
		Name    string `yaml:"name"`
		Options struct {
			Managed *bool `yaml:"managed"`
		} `yaml:"options"`
	} `yaml:"driver"`
	Platforms []struct {
		Name     string   `yaml:"name"`
		Groups   []string `yaml:"groups"`
		Packages []string `yaml:"packages"`
	} `yaml:"platforms"`
	Provisioner struct {
		Name              string                    `yaml:"name"`
		Log               bool                      `yaml:"log"`
		ConfigOptions     map[string]map[string]any `yaml:"config_options"`
		ConnectionOptions map[string]string         `yaml:"connection_options"`
		Env               map[string]string         `yaml:"env"`
		Inventory         struct {
			GroupVars map[string]map[string]any `yaml:"group_vars"`
			HostVars  map[string]map[string]any `yaml:"host_vars"`
		} `yaml:"inventory"`
	} `yaml:"provisioner"`
	Scenario struct {
		TestSequence []string `yaml:"test_sequence"`
	} `yaml:"scenario"`
	Verifier struct {
		Name string `yaml:"name"`
	} `yaml:"verifier"`
}

// sequence is the order of Molecule's test.
var sequence = []string{"dependency", "cleanup", "destroy", "syntax", "create", "prepare", "converge", "idempotence", "side_effect", "verify", "cleanup", "destroy"}

// parse reads a molecule.yml whose variables have their values already.
func parse(text string) (*config, error) {
	c := &config{}
	d := yaml.NewDecoder(bytes.NewReader([]byte(text)))
	d.KnownFields(true)
	if err := d.Decode(c); err != nil {
		return nil, fmt.Errorf("read molecule.yml: %w", err)
	}
	return c, c.check()
}

func (c *config) check() error {
	if c.Dependency.Enabled == nil || *c.Dependency.Enabled {
		return fmt.Errorf("molecule.yml: dependency.enabled must be false: nothing is fetched")
	}
	if c.Driver.Name != "" && c.Driver.Name != "default" {
		return fmt.Errorf("molecule.yml: the driver must be the default one, not %q", c.Driver.Name)
	}
	if m := c.Driver.Options.Managed; m != nil && !*m {
		return fmt.Errorf("molecule.yml: driver.options.managed must be true: the lab makes the nodes")
	}
	if v := c.Verifier.Name; v != "" && v != "ansible" {
		return fmt.Errorf("molecule.yml: the verifier must be ansible, not %q", v)
	}
	if len(c.Platforms) == 0 {
		return fmt.Errorf("molecule.yml: there are no platforms")
	}
	if len(c.Scenario.TestSequence) == 0 {
		c.Scenario.TestSequence = sequence
	}
	return nil
}

// interpolate puts variables in, as Molecule does: $NAME, ${NAME} and ${NAME:-otherwise}; $$ is a dollar sign.
func interpolate(text string, value func(string) (string, bool)) (string, error) {
	var unknown []string
	text = os.Expand(text, func(name string) string {
		if name == "$" {
			return "$"
		}
		name, otherwise, has := strings.Cut(name, ":-")
		v, ok := value(name)
		if has && v == "" {
			return otherwise
		}
		if !ok {
			unknown = append(unknown, name)
		}
		return v
	})
	if len(unknown) > 0 {
		return "", fmt.Errorf("read molecule.yml: nothing says what %s is", strings.Join(unknown, ", "))
	}
	return text, nil
}
