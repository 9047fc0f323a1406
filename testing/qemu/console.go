package qemu

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
)

// Console is a machine's serial line: what it printed so far, and a place to type.
type Console struct {
	log, keys io.Writer

	mu      sync.Mutex
	text    []byte
	seen    int           // everything before was returned by Wait
	ended   bool          // nothing more will come
	changed chan struct{} // closed and replaced with each change
}

func newConsole(log, keys io.Writer) *Console {
	return &Console{log: log, keys: keys, changed: make(chan struct{})}
}

// Write takes what the machine prints.
func (c *Console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text = append(c.text, p...)
	c.wake()
	return c.log.Write(p)
}

func (c *Console) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	c.wake()
}

func (c *Console) wake() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// Wait blocks until the machine prints want and returns everything from the end of the last Wait to the end of want.
// It is an error when one of bad comes first, when the machine goes off, and when ctx ends.
func (c *Console) Wait(ctx context.Context, want string, bad ...string) (string, error) {
	for {
		text, changed, err := c.look(want, bad)
		if text != "" || err != nil {
			return text, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return "", fmt.Errorf("wait for %q on the console: %w; it ends with\n%s", want, ctx.Err(), c.Tail(20))
		}
	}
}

func (c *Console) look(want string, bad []string) (string, <-chan struct{}, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fresh := c.text[c.seen:]
	at := bytes.Index(fresh, []byte(want))
	for _, b := range bad {
		if i := bytes.Index(fresh, []byte(b)); i >= 0 && (at < 0 || i < at) && lineEnds(fresh[i:], c.ended) {
			return "", nil, fmt.Errorf("wait for %q on the console: it says %q", want, firstLine(fresh[i:]))
		}
	}
	if at >= 0 {
		c.seen += at + len(want)
		return string(fresh[:at+len(want)]), nil, nil
	}
	if c.ended {
		return "", nil, fmt.Errorf("wait for %q on the console: the machine went off; it ends with\n%s", want, tail(c.text, 20))
	}
	return "", c.changed, nil
}

// lineEnds keeps a bad line from being reported before all of it is there.
func lineEnds(text []byte, ended bool) bool { return ended || bytes.ContainsAny(text, "\r\n") }

func firstLine(text []byte) string {
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimRight(line, "\r")
}

// Send types text; a line needs its "\n".
func (c *Console) Send(text string) error {
	if _, err := io.WriteString(c.keys, text); err != nil {
		return fmt.Errorf("type on the console: %w", err)
	}
	return nil
}

// Tail is the last n lines.
func (c *Console) Tail(n int) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return tail(c.text, n)
}

func tail(text []byte, n int) string {
	lines := strings.Split(strings.TrimRight(string(text), "\r\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
