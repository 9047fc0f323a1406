package unit

import (
	"errors"
	"strings"
	"testing"

	"debvisor/internal/host/hosttest"
)

const (
	notEnabled = "LoadState=loaded\nUnitFileState=disabled\nActiveState=inactive\n"
	enabled    = "LoadState=loaded\nUnitFileState=enabled\nActiveState=active\n"
	show       = "systemctl show --property=LoadState,UnitFileState,ActiveState debvisor-blocklist.timer"
	needReload = "systemctl show --property=NeedDaemonReload --value debvisor-blocklist.timer"
)

func TestATimerGetsTimesOfItsOwn(t *testing.T) {
	m := hosttest.New(t, "")
	m.Runner.Answer("systemd-analyze calendar hourly", "")
	m.Runner.Answer(needReload, "no\n")
	m.Runner.Answer(show, notEnabled)
	changes, err := Scheduled(t.Context(), m.Host, "debvisor-blocklist.timer", "hourly")
	if err != nil {
		t.Fatal(err)
	}
	want := "create /etc/systemd/system/debvisor-blocklist.timer.d/schedule.conf (0644)\nrun systemctl daemon-reload\n" +
		"run systemctl enable debvisor-blocklist.timer\nrun systemctl start debvisor-blocklist.timer\n"
	if got := hosttest.Lines(changes); got != want {
		t.Errorf("planned\n%s", got)
	}
	if err := m.Apply(t.Context(), changes[:1]); err != nil { // cut off before systemd read it
		t.Fatal(err)
	}
	m.Runner.Answer(needReload, "yes\n")
	m.Runner.Answer(show, enabled)
	changes, err = Scheduled(t.Context(), m.Host, "debvisor-blocklist.timer", "hourly")
	if got := hosttest.Lines(changes); err != nil || got != "run systemctl daemon-reload\n" {
		t.Errorf("planned\n%s%v", got, err)
	}
	m.Runner.Answer(needReload, "no\n")
	if changes, err := Scheduled(t.Context(), m.Host, "debvisor-blocklist.timer", "hourly"); err != nil || len(changes) > 0 {
		t.Errorf("planned again\n%s%v", hosttest.Lines(changes), err)
	}
}

func TestATimerIsTurnedOff(t *testing.T) {
	m := hosttest.New(t, "-- etc/systemd/system/debvisor-blocklist.timer.d/schedule.conf --\n[Timer]\n")
	m.Runner.Answer(show, enabled)
	m.Runner.Answer(needReload, "no\n")
	changes, err := Unscheduled(t.Context(), m.Host, "debvisor-blocklist.timer")
	want := "remove /etc/systemd/system/debvisor-blocklist.timer.d/schedule.conf\nrun systemctl daemon-reload\nrun systemctl disable --now debvisor-blocklist.timer\n"
	if got := hosttest.Lines(changes); err != nil || got != want {
		t.Errorf("planned\n%s%v", got, err)
	}
	if err := m.Apply(t.Context(), changes[:1]); err != nil {
		t.Fatal(err)
	}
	for _, state := range []string{notEnabled, "LoadState=not-found\nUnitFileState=\nActiveState=inactive\n"} {
		m.Runner.Answer(show, state)
		if changes, err := Unscheduled(t.Context(), m.Host, "debvisor-blocklist.timer"); err != nil || len(changes) > 0 {
			t.Errorf("planned\n%s%v", hosttest.Lines(changes), err)
		}
	}
}

func TestATimeThatSystemdDoesNotKnowIsRefused(t *testing.T) {
	m := hosttest.New(t, "")
	m.Runner.Fail("systemd-analyze calendar often", errors.New("exit status 1"))
	if _, err := Scheduled(t.Context(), m.Host, "debvisor-blocklist.timer", "often"); err == nil || !strings.Contains(err.Error(), `"often" is no time`) {
		t.Errorf("got %v", err)
	}
}
