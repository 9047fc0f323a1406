package main

import (
	"os"
	"testing"

	"debvisor/testing/lab"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"debvisor-lab": main})
}

// Scripts with a lab have it in $DIR, whose name is short, as sockets' names must be.
func TestCommands(t *testing.T) {
	dir, err := os.MkdirTemp("", "lab")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
	})
	cannot := lab.Can()
	if cannot != nil {
		t.Logf("scripts with a lab are left out: %v", cannot)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		UpdateScripts:       os.Getenv("UPDATE") != "",
		Setup: func(e *testscript.Env) error {
			e.Setenv("DIR", dir+"/lab")
			if cannot != nil {
				return nil
			}
			program, err := lab.Command(t.Context())
			e.Setenv("DEBVISOR_LAB", program)
			return err
		},
		Condition: func(cond string) (bool, error) { return cond == "lab" && cannot == nil, nil },
	})
}
