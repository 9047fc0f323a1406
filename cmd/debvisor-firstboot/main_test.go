package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"debvisor/internal/step"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"debvisor-firstboot": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata", UpdateScripts: os.Getenv("UPDATE_GOLDEN") != "",
		// Files of a script belong to whoever runs it, and the plan sees that.
		Condition: func(cond string) (bool, error) {
			if cond != "root" {
				return false, fmt.Errorf("unknown condition %q", cond)
			}
			return os.Getuid() == 0, nil
		}})
}

func TestARunIsTold(t *testing.T) {
	var out strings.Builder
	tell := teller(&out, false)
	for _, e := range []step.Event{
		{Step: "net/bridge", Number: 3, Of: 15, Phase: "apply", Changes: []string{"a", "b", "c", "d"}},
		{Step: "net/bridge", Number: 3, Of: 15, Phase: "done", Took: 290 * time.Millisecond},
		{Step: "storage/zfs", Number: 4, Of: 15, Phase: "done", Note: "not provisioned"},
		{Step: "dns/tsig", Number: 5, Of: 15, Phase: "failed", Error: "run x: exit status 1"},
	} {
		tell(e)
	}
	tellEnd(&out, &step.Failed{Step: "dns/tsig", Err: errors.New("run x: exit status 1")})
	const want = `[3/15] net/bridge … 4 changes, 0.3 s
[4/15] storage/zfs … nothing to change, 0.0 s (not provisioned)
[5/15] dns/tsig … failed: run x: exit status 1
DEBVISOR-FIRSTBOOT-FAILED dns/tsig: run x: exit status 1
See what happened: journalctl -u debvisor-firstboot
See what is left:  debvisor-firstboot --plan
Try again:         systemctl restart debvisor-firstboot (each boot does, too)
`
	if out.String() != want {
		t.Errorf("got\n%s", out.String())
	}
}

func TestTheEndIsALineToWaitFor(t *testing.T) {
	var out strings.Builder
	tellEnd(&out, nil)
	tellEnd(&out, errors.New("no profile"))
	if !strings.HasPrefix(out.String(), "DEBVISOR-FIRSTBOOT-DONE\nDEBVISOR-FIRSTBOOT-FAILED before the first step: no profile\n") {
		t.Errorf("got\n%s", out.String())
	}
}
