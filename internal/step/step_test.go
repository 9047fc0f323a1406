package step_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
	"debvisor/internal/step"
)

const journal = "/var/lib/debvisor/test.journal"

func file(m *hosttest.Machine, name string, once bool) step.Step {
	return step.Step{Name: name, Once: once, Plan: func(context.Context) ([]host.Change, error) {
		return m.Need(host.File{Path: "/" + name + "/a", Content: "a", Mode: 0o644}, host.File{Path: "/" + name + "/b", Content: "b", Mode: 0o644})
	}}
}

func runner(m *hosttest.Machine, log *strings.Builder) step.Runner {
	return step.Runner{Host: m.Host, Journal: journal, Tell: func(e step.Event) {
		fmt.Fprintf(log, "%d/%d %s %s %d %s\n", e.Number, e.Of, e.Step, e.Phase, len(e.Changes), e.Error)
	}}
}

func TestTheSecondRunChangesNothing(t *testing.T) {
	m := hosttest.New(t, "")
	var log strings.Builder
	steps := []step.Step{file(m, "one", false), file(m, "two", false)}
	if n, err := runner(m, &log).Run(t.Context(), steps); n != 4 || err != nil {
		t.Fatal(n, err)
	}
	want := "1/2 one apply 2 \n1/2 one done 0 \n2/2 two apply 2 \n2/2 two done 0 \n"
	if log.String() != want {
		t.Errorf("got\n%s", log.String())
	}
	before := read(t, m)
	if n, err := runner(m, &log).Run(t.Context(), steps); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	if after := read(t, m); after != before {
		t.Errorf("the journal grew:\n%s", after)
	}
}

func TestAStepThatLeavesWorkHasFailed(t *testing.T) {
	m := hosttest.New(t, "")
	liar := step.Step{Name: "liar", Plan: func(context.Context) ([]host.Change, error) {
		return []host.Change{host.Mkdir{Path: "/x", Mode: 0o755}}, nil
	}}
	_, err := runner(m, new(strings.Builder)).Run(t.Context(), []step.Step{liar, file(m, "next", false)})
	var failed *step.Failed
	if !errors.As(err, &failed) || failed.Step != "liar" || !strings.Contains(err.Error(), "still needed") || m.Exists("/next") {
		t.Errorf("got %v", err)
	}
}

func TestAnInterruptedOnceStepIsNotRepeated(t *testing.T) {
	m := hosttest.New(t, "")
	wipe := file(m, "wipe", true)
	broken := wipe
	broken.Plan = func(context.Context) ([]host.Change, error) {
		m.Runner.Fail("boom", errors.New("power cut"))
		return []host.Change{host.Exec{Cmd: host.Cmd{Args: []string{"boom"}}}}, nil
	}
	r := runner(m, new(strings.Builder))
	if _, err := r.Run(t.Context(), []step.Step{broken}); err == nil {
		t.Fatal("no error")
	}
	for range 2 {
		if _, err := r.Run(t.Context(), []step.Step{wipe}); !errors.Is(err, step.ErrInterrupted) {
			t.Fatalf("got %v", err)
		}
	}
	r.Retry = "wipe"
	if n, err := r.Run(t.Context(), []step.Step{wipe}); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	os.RemoveAll(filepath.Join(m.Root, "wipe")) // the completion record alone now says that it was done
	r.Retry = ""
	if n, err := r.Run(t.Context(), []step.Step{wipe}); n != 0 || err != nil {
		t.Fatal(n, err)
	}
}

func TestAStepThatWasCutOffAfterItsLastChangeIsRecordedAsDone(t *testing.T) {
	m := hosttest.New(t, "-- one/a --\n-- one/b --\n-- "+journal[1:]+" --\n"+`{"step":"one","phase":"begin"}`+"\n")
	nothing := step.Step{Name: "one", Plan: func(context.Context) ([]host.Change, error) { return nil, nil }}
	for range 2 {
		if n, err := runner(m, new(strings.Builder)).Run(t.Context(), []step.Step{nothing}); n != 0 || err != nil {
			t.Fatal(n, err)
		}
		if got := read(t, m); strings.Count(got, "\n") != 2 || !strings.Contains(got, `"phase":"done"`) {
			t.Errorf("journal:\n%s", got)
		}
	}
}

func TestPlanChangesNothing(t *testing.T) {
	m := hosttest.New(t, "")
	var log strings.Builder
	n, err := runner(m, &log).Plan(t.Context(), []step.Step{file(m, "one", true)})
	if n != 2 || err != nil || log.String() != "1/1 one plan 2 \n" || m.Exists("/one") || m.Exists(journal) {
		t.Errorf("%d, %v, %s", n, err, log.String())
	}
}

func TestAHalfWrittenJournalLineIsForgotten(t *testing.T) {
	m := hosttest.New(t, "-- var/lib/debvisor/test.journal --\n"+`{"step":"one","phase":"begin"}`+"\n{\"st")
	p, _ := m.Path(journal)
	text, _ := os.ReadFile(p)
	os.WriteFile(p, []byte(strings.TrimSuffix(string(text), "\n")), 0o600) // txtar ends every file with a newline
	if _, err := runner(m, new(strings.Builder)).Run(t.Context(), []step.Step{file(m, "one", false)}); err != nil {
		t.Fatal(err)
	}
	if got := read(t, m); strings.Contains(got, "{\"st{") || strings.Count(got, "\n") != 3 {
		t.Errorf("journal:\n%s", got)
	}
}

func TestABrokenJournalStopsTheRun(t *testing.T) {
	m := hosttest.New(t, "-- var/lib/debvisor/test.journal --\nnonsense\n")
	_, err := runner(m, new(strings.Builder)).Run(t.Context(), []step.Step{file(m, "one", false)})
	if err == nil || !strings.Contains(err.Error(), journal+":1:") || m.Exists("/one") {
		t.Errorf("got %v", err)
	}
}

func read(t *testing.T, m *hosttest.Machine) string {
	t.Helper()
	data, err := m.ReadFile(journal)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
