package blocklist

import (
	"context"
	"errors"
	"testing"
	"time"

	"debvisor/internal/host"
)

func TestOneRunWaitsForAnother(t *testing.T) {
	n := newNode(t, "")
	first, err := Lock(t.Context(), n.Host)
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := Lock(short, n.Host); !errors.Is(err, host.ErrLocked) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while it is held: %v", err)
	}
	got := make(chan error)
	go func() {
		second, err := Lock(t.Context(), n.Host)
		if err == nil {
			err = second.Close()
		}
		got <- err
	}()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil {
		t.Errorf("after it: %v", err)
	}
}
