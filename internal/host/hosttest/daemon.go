package hosttest

import (
	"bytes"
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"debvisor/internal/host"
)

// Patience is how long a daemon may take until it answers; it is long because a machine can be busy.
const Patience = 30 * time.Second

// Daemon starts a real daemon, which stays in the foreground, and returns once answers has no error; it ends with the test.
// What it wrote is shown when the test fails.
func Daemon(t testing.TB, answers func(context.Context) error, args ...string) *host.Process {
	t.Helper()
	said := &log{}
	// Its context is its own: the test's ends before the clean-up, which wants to see that it ran until then.
	p, err := host.Start(context.Background(), host.Cmd{Args: args}, host.Streams{Out: said, Err: said})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Kill(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("%s said:\n%s", args[0], said)
		}
	})
	await(t, p, answers)
	return p
}

func await(t testing.TB, p *host.Process, answers func(context.Context) error) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), Patience)
	defer stop()
	for {
		err := answers(ctx)
		if err == nil {
			return
		}
		select {
		case <-p.Done():
			t.Fatalf("it ended: %v", p.Wait())
		case <-ctx.Done():
			t.Fatalf("it does not answer: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// FreePort is a port of an address that nobody listens on.
func FreePort(t testing.TB, address string) int {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
