package main

import (
	"os"
	"testing"

	"debvisor/internal/host"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"debvisor-builder": main})
}

func TestCommands(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		UpdateScripts:       os.Getenv("UPDATE") != "",
		Setup: func(e *testscript.Env) error {
			path, err := host.Find("debvisor-builder") // for scripts that change PATH
			e.Setenv("BUILDER", path)
			return err
		},
		Condition: func(cond string) (bool, error) {
			return cond == "user" && os.Geteuid() != 0, nil
		},
	})
}

func TestSizesAreReadAndNonsenseIsNot(t *testing.T) {
	for text, want := range map[string]int64{"512": 512, "1M": 1 << 20, "32G": 32 << 30, "2T": 2 << 40} {
		if got, err := parseSize(text); err != nil || got != want {
			t.Errorf("parseSize(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "G", "0", "-1G", "1.5G", "10X", "99999999T"} {
		if n, err := parseSize(text); err == nil {
			t.Errorf("parseSize(%q) = %d, want an error", text, n)
		}
	}
}
