// Package health looks at a node and says what is well and what is not: a fixed list of checks, each of them one question
// about the machine as it is, answered from the kernel, the daemons and the files that they read. It changes nothing,
// repairs nothing, and does not ask DebVisor's own records where the machine itself can be asked.
package health

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"strings"
	"time"

	"debvisor/internal/host"
)

// Status is the outcome of a check.
type Status string

// From good to bad: OK is well, Skip was not looked at, Warn works but wants attention, Fail is broken.
const (
	OK   Status = "ok"
	Skip Status = "skip"
	Warn Status = "warn"
	Fail Status = "fail"
)

var rank = map[Status]int{"": 0, OK: 1, Skip: 2, Warn: 3, Fail: 4}

// Node is the machine to look at.
type Node struct {
	*host.Host
	Root     bool          // this process may read what only root may
	Offline  bool          // the system below Host.Root is not the running one: only files can be looked at
	Patience time.Duration // for each check
	grace    time.Duration // on top, for a command that is being ended to go; lastWord when 0
	now      time.Time     // the present when zero
}

// Check is one question. Why says what goes wrong for the operator when the answer is no.
type Check struct {
	Name, Why string
	needs     needs
	look      func(context.Context, *Node, *Result) error
}

// needs is what a check cannot do without.
type needs int

const (
	files   needs = 0         // readable by everybody
	root    needs = 1 << iota // files or answers that only root gets
	running                   // a running system
)

// Result is what a check found. Detail is one line; it names what is wrong.
type Result struct {
	Check  string `json:"check"`
	Status Status `json:"status"`
	Detail string `json:"detail"`
}

func (r *Result) ok(format string, args ...any)   { r.add(OK, format, args) }
func (r *Result) skip(format string, args ...any) { r.add(Skip, format, args) }
func (r *Result) warn(format string, args ...any) { r.add(Warn, format, args) }
func (r *Result) fail(format string, args ...any) { r.add(Fail, format, args) }

// add keeps every finding; what is merely well is not worth a word beside one.
func (r *Result) add(s Status, format string, args []any) {
	text := oneLine(fmt.Sprintf(format, args...))
	finding, had := rank[s] >= rank[Warn], rank[r.Status] >= rank[Warn]
	switch {
	case had && !finding:
		return
	case r.Detail == "" || finding && !had:
		r.Detail = text
	default:
		r.Detail += "; " + text
	}
	if rank[s] > rank[r.Status] {
		r.Status = s
	}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// atOnce is how many checks look at the same time: enough to be done in seconds, few enough for a small machine.
const atOnce = 4

// Run makes the checks and yields their results in the order of the list, each as soon as it and those before it are
// there. A check that does not come back within the node's patience has failed and does not keep the others waiting.
func Run(ctx context.Context, n *Node, checks []Check) iter.Seq[Result] {
	slots := make(chan struct{}, atOnce)
	results := make([]chan Result, len(checks))
	for i, c := range checks {
		results[i] = make(chan Result, 1)
		go func() {
			slots <- struct{}{}
			results[i] <- c.run(ctx, n)
			<-slots
		}()
	}
	return func(yield func(Result) bool) {
		for _, r := range results {
			if !yield(<-r) {
				return
			}
		}
	}
}

// lastWord is longer than host.System waits before it kills what does not end by itself: health leaves no process behind.
const lastWord = 6 * time.Second

func (c Check) run(ctx context.Context, n *Node) Result {
	if why := n.lacks(c.needs); why != "" {
		return Result{Check: c.Name, Status: Skip, Detail: why}
	}
	ctx, cancel := context.WithTimeout(ctx, n.Patience)
	defer cancel()
	done := make(chan Result, 1)
	go func() { done <- c.result(ctx, n) }()
	select {
	case r := <-done:
		return r
	case <-time.After(n.Patience + cmp.Or(n.grace, lastWord)): // a process or a file system that cannot even be interrupted
		return Result{Check: c.Name, Status: Fail, Detail: fmt.Sprintf("no answer within %s", n.Patience)}
	}
}

func (n *Node) lacks(what needs) string {
	switch {
	case what&running != 0 && n.Offline:
		return "needs the running system"
	case what&root != 0 && !n.Root:
		return "needs root"
	}
	return ""
}

func (c Check) result(ctx context.Context, n *Node) Result {
	r := Result{Check: c.Name}
	err := c.look(ctx, n, &r)
	switch {
	case errors.Is(err, fs.ErrPermission) && !n.Root:
		r.skip("needs root")
	case errors.Is(err, errAnswers):
		r.skip("%v", err)
	case ctx.Err() != nil:
		r.fail("no answer within %s: %v", n.Patience, err)
	case err != nil:
		r.fail("%v", err)
	case r.Status == "":
		r.fail("the check came to no result")
	}
	return r
}
