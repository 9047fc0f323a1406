package host_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
)

func TestWhoWaitsGetsTheLockAfterwards(t *testing.T) {
	m := hosttest.New(t, "")
	held, err := m.WaitLock(t.Context(), "/run/x/lock")
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := m.WaitLock(short, "/run/x/lock"); !errors.Is(err, host.ErrLocked) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while it is held: %v", err)
	}
	got := make(chan error)
	go func() {
		next, err := m.WaitLock(t.Context(), "/run/x/lock")
		if err == nil {
			err = next.Close()
		}
		got <- err
	}()
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
