package lab

import (
	"context"
	"errors"
	"testing"
)

// New makes a lab for a test, which is skipped, with the reason, where there can be none. The lab ends with the test; a
// test that failed shows how the consoles of its nodes end.
func New(t testing.TB, o Options) *Lab {
	t.Helper()
	l, err := Start(t.Context(), o)
	if errors.Is(err, ErrCannot) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			l.show(t)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func (l *Lab) show(t testing.TB) {
	for _, n := range l.nodes {
		text, err := l.Console(n.Name)
		t.Logf("console of %s (%v) ends with\n%s", n.Name, err, text[max(0, len(text)-2000):])
		failed, err := n.Exec(context.Background(), "systemctl", "--failed", "--no-legend", "--plain")
		t.Logf("failed units of %s (%v): %s", n.Name, err, failed)
	}
}
