package main

import (
	"os"
	"strings"
	"testing"

	"debvisor/builder"
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

func TestTheWayToStartAMachineAgainIsSaid(t *testing.T) {
	m := builder.Machine{ISO: "x.iso", UEFI: true, Disk: "my node.img", Data: []string{"my node-data1.img", "my node-data2.img"}}
	var out strings.Builder
	tellMachine(&out, m)
	want := `disk with serial DEBVISOR-SYSTEM  my node.img
disk with serial DEBVISOR-DATA-1  my node-data1.img
disk with serial DEBVISOR-DATA-2  my node-data2.img
to start the installed node again: ` + os.Args[0] + ` boot none --disk 'my node.img' --uefi --ssh-port 2222
Ctrl-A X ends the machine
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
	m.Data, m.SSHPort = []string{"a.img"}, 2200
	if got := again(m); !strings.HasSuffix(got, " --data-disk a.img --uefi --ssh-port 2200") {
		t.Errorf("got %s", got)
	}
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
