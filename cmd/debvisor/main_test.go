package main

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"debvisor/internal/names"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"debvisor": main, "debvisor-profile-summary.sh": main, "debvisor-vm-register.sh": main, "hostname-register.sh": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata", RequireExplicitExec: true, RequireUniqueNames: true, Condition: condition})
}

// condition: [root] holds for who may give files to root.
func condition(name string) (bool, error) {
	if name != "root" {
		return false, fmt.Errorf("unknown condition %q", name)
	}
	return os.Geteuid() == 0, nil
}

func TestEveryFixedNameIsAVerb(t *testing.T) {
	for _, l := range names.Links {
		if l.Target != names.Debvisor {
			continue
		}
		verb := verbOf(l.Path)
		if len(verb) == 0 || !slices.Equal(verb, l.Verb) {
			t.Errorf("%s stands for %q", l.Path, verb)
		}
		if c, rest, err := root().Find(verb); err != nil || len(rest) > 0 || c.Runnable() == c.HasSubCommands() {
			t.Errorf("%s stands for %q, which is no verb: %v", l.Path, verb, err)
		}
	}
	if verb := verbOf(names.Debvisor); verb != nil {
		t.Errorf("%s stands for %q", names.Debvisor, verb)
	}
}

// Every verb explains itself, and each that reports does so for programs too.
func TestEveryVerbExplainsItself(t *testing.T) {
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Short == "" || c.Example == "" {
			t.Errorf("%s: no short help or no example", c.CommandPath())
		}
		if !c.HasSubCommands() && c.Name() != "refresh" && c.Flags().Lookup("json") == nil {
			t.Errorf("%s: no --json", c.CommandPath())
		}
		for _, verb := range c.Commands() {
			walk(verb)
		}
	}
	walk(root())
}
