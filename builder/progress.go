package builder

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"
)

// Mode is how progress is shown.
type Mode int

// Plain prints a line for each stage, Live keeps one line of a terminal up to date, JSON prints an event a line, Quiet
// prints nothing.
const (
	Plain Mode = iota
	Live
	JSON
	Quiet
)

// Event is one line of JSON output.
type Event struct {
	Stage   string  `json:"stage"`
	N       int     `json:"n"`
	Of      int     `json:"of"`
	State   string  `json:"state"` // begin, progress, note, done, cached or failed
	Percent int     `json:"percent,omitempty"`
	Text    string  `json:"text,omitempty"`
	Seconds float64 `json:"seconds"`
}

// Progress tells a person or a program how far a build is. It is safe for concurrent use.
type Progress struct {
	w    io.Writer
	mode Mode
	now  func() time.Time

	mu      sync.Mutex
	n       int
	stage   string
	cached  bool
	began   time.Time
	shown   time.Time
	percent int
	timings []Timing
}

// Timing is how long a stage took.
type Timing struct {
	Stage   string  `json:"stage"`
	Seconds float64 `json:"seconds"`
	Cached  bool    `json:"cached"`
}

// NewProgress shows progress on w.
func NewProgress(w io.Writer, mode Mode) *Progress {
	return &Progress{w: w, mode: mode, now: time.Now}
}

// Timings are the stages that ended so far.
func (p *Progress) Timings() []Timing {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Timing(nil), p.timings...)
}

func (p *Progress) begin(stage string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n++
	p.stage, p.cached, p.began, p.percent = stage, false, p.now(), -1
	p.emit("begin", "")
}

// update says what a stage is doing; percent is -1 when it can't be known. Only a change of percent or text is shown, a
// few times a second at most.
func (p *Progress) update(percent int, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := p.now(); p.mode != Plain && now.Sub(p.shown) >= 200*time.Millisecond {
		p.shown, p.percent = now, percent
		p.emit("progress", text)
	}
}

// note is something that a person must not miss.
func (p *Progress) note(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.emit("note", fmt.Sprintf(format, args...))
}

// hit marks the stage as answered from the cache.
func (p *Progress) hit() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cached = true
}

func (p *Progress) end(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timings = append(p.timings, Timing{p.stage, p.seconds(), p.cached})
	switch {
	case err != nil:
		p.emit("failed", "")
	case p.cached:
		p.emit("cached", "")
	default:
		p.emit("done", "")
	}
}

func (p *Progress) seconds() float64 {
	return float64(p.now().Sub(p.began).Milliseconds()) / 1000
}

func (p *Progress) emit(state, text string) {
	switch p.mode {
	case JSON:
		p.emitJSON(state, text)
	case Live:
		p.emitLive(state, text)
	case Quiet:
	default:
		p.emitPlain(state, text)
	}
}

func (p *Progress) emitJSON(state, text string) {
	e := Event{Stage: p.stage, N: p.n, Of: len(Stages), State: state, Percent: max(0, p.percent), Text: text, Seconds: p.seconds()}
	data, err := json.Marshal(e)
	if err != nil {
		panic(err) // a struct of strings and numbers
	}
	fmt.Fprintf(p.w, "%s\n", data)
}

const clearLine = "\r\x1b[K"

func (p *Progress) emitLive(state, text string) {
	switch state {
	case "begin", "progress":
		fmt.Fprintf(p.w, "%s%s%s", clearLine, p.head(), cut(p.doing(text), 60))
	case "note":
		fmt.Fprintf(p.w, "%s%s\n", clearLine, text)
	default:
		fmt.Fprintf(p.w, "%s%s%s\n", clearLine, p.head(), p.outcome(state))
	}
}

func (p *Progress) emitPlain(state, text string) {
	switch state {
	case "begin", "progress":
	case "note":
		fmt.Fprintln(p.w, text)
	default:
		fmt.Fprintf(p.w, "%s%s\n", p.head(), p.outcome(state))
	}
}

func (p *Progress) head() string { return fmt.Sprintf("[%2d/%d] %-9s ", p.n, len(Stages), p.stage) }

func (p *Progress) outcome(state string) string {
	return fmt.Sprintf("%s, %.1f s", state, p.seconds())
}

func (p *Progress) doing(text string) string {
	if p.percent >= 0 {
		return fmt.Sprintf("%3d %%  %s", p.percent, text)
	}
	return fmt.Sprintf("%3.0f s  %s", p.seconds(), text)
}

func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

// stage runs one stage of a build: it is announced, timed, and its error says where it came from.
func stage[T any](p *Progress, name string, work func() (T, error)) (T, error) {
	p.begin(name)
	v, err := work()
	p.end(err)
	if err != nil {
		return v, fmt.Errorf("%s: %w", name, err)
	}
	return v, nil
}
