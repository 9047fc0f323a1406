package unit

import (
	"context"
	"testing"

	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
)

func TestOnlyWhatIsMissingIsPlanned(t *testing.T) {
	type planner func(context.Context, *host.Host, string) ([]host.Change, error)
	for _, c := range []struct {
		name, state, want string
		plan              planner
	}{
		{"enabled", "loaded enabled active", "", Enabled},
		{"disabled", "loaded disabled inactive", "run systemctl enable x.service\n", Enabled},
		{"static", "loaded static inactive", "", Enabled},
		{"running", "loaded enabled active", "", Started},
		{"on its way", "loaded enabled activating", "", Started},
		{"failed", "loaded enabled failed", "run systemctl start x.service\n", Started},
		{"neither", "loaded disabled inactive", "run systemctl enable x.service\nrun systemctl start x.service\n", Started},
		{"to be disabled", "loaded enabled active", "run systemctl disable x.service\n", Disabled},
		{"not enabled", "loaded disabled inactive", "", Disabled},
		{"not there", "not-found  inactive", "", Disabled},
	} {
		m := hosttest.New(t, "")
		answer(m, c.state)
		changes, err := c.plan(t.Context(), m.Host, "x.service")
		if got := hosttest.Lines(changes); got != c.want || err != nil {
			t.Errorf("%s: %v, got\n%s", c.name, err, got)
		}
	}
}

func answer(m *hosttest.Machine, state string) {
	var s [3]string
	field := 0
	for _, r := range state {
		if r == ' ' {
			field++
			continue
		}
		s[field] += string(r)
	}
	m.Runner.Answer("systemctl show --property=LoadState,UnitFileState,ActiveState x.service",
		"ActiveState="+s[2]+"\nLoadState="+s[0]+"\nUnitFileState="+s[1]+"\n")
}

func TestAUnitThatDoesNotExistCannotBeEnabled(t *testing.T) {
	m := hosttest.New(t, "")
	answer(m, "not-found  inactive")
	_, err := Enabled(t.Context(), m.Host, "x.service")
	if err == nil || err.Error() != "enable x.service: there is no such unit" {
		t.Errorf("got %v", err)
	}
}
