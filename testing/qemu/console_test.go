package qemu

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestWaitReturnsWhatCameSinceTheLast(t *testing.T) {
	c := newConsole(&bytes.Buffer{}, nil)
	go func() {
		for _, part := range []string{"one tw", "o three fo", "ur\n"} {
			if _, err := c.Write([]byte(part)); err != nil {
				t.Error(err)
			}
		}
	}()
	for _, w := range []struct{ wait, want string }{{"two", "one two"}, {"four", " three four"}} {
		got, err := c.Wait(t.Context(), w.wait)
		if err != nil || got != w.want {
			t.Errorf("wait for %q: got %q, %v; want %q", w.wait, got, err, w.want)
		}
	}
}

func TestWaitEndsEarly(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"a bad line", "starting\nFAILED 4 refused\r\nmore\n", `wait for "DONE" on the console: it says "FAILED 4 refused"`},
		{"the machine went off", "a\nb\n", "wait for \"DONE\" on the console: the machine went off; it ends with\na\nb"},
	} {
		console := newConsole(&bytes.Buffer{}, nil)
		if _, err := console.Write([]byte(c.text)); err != nil {
			t.Fatal(err)
		}
		console.end()
		if _, err := console.Wait(t.Context(), "DONE", "FAILED"); err == nil || err.Error() != c.want {
			t.Errorf("%s: got %v, want %s", c.name, err, c.want)
		}
	}
}

func TestWaitTakesWhatComesFirst(t *testing.T) {
	c := newConsole(&bytes.Buffer{}, nil)
	if _, err := c.Write([]byte("DONE then FAILED\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Wait(t.Context(), "DONE", "FAILED"); err != nil {
		t.Error(err)
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err := newConsole(&bytes.Buffer{}, nil).Wait(ctx, "never")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestConsoleKeepsALogAndTypes(t *testing.T) {
	var log, keys bytes.Buffer
	c := newConsole(&log, &keys)
	if _, err := c.Write([]byte("hello\n")); err != nil {
		t.Fatal(err)
	}
	if err := c.Send("ls\n"); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join([]string{log.String(), keys.String(), c.Tail(1)}, "|"); got != "hello\n|ls\n|hello" {
		t.Errorf("got %q", got)
	}
}
