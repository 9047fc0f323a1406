package installer

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"

	"debvisor/internal/step"
)

// Teller says how an installation goes on: to a console, and to a log that the other console follows. Lines are for
// people unless JSON is set; then each is an event.
type Teller struct {
	Out  io.Writer
	Log  io.Writer // nil for none; always lines for people
	JSON bool
	Live bool // Out is a terminal: progress overwrites itself

	mu   sync.Mutex
	half bool // a progress line stands unfinished
	last string
}

// event is a line of JSON output.
type event struct {
	Event   string      `json:"event"` // line, plan, step, progress or end
	Text    string      `json:"text,omitempty"`
	Step    *step.Event `json:"step,omitempty"`
	Name    string      `json:"name,omitempty"`
	Percent int         `json:"percent,omitempty"`
	Code    *int        `json:"code,omitempty"`
	Plan    *outline    `json:"plan,omitempty"`
}

func (t *Teller) line(text string) { t.say(text, event{Event: "line", Text: text}) }

func (t *Teller) linef(format string, args ...any) { t.line(fmt.Sprintf(format, args...)) }

// plan shows a plan.
func (t *Teller) plan(p *Plan) {
	var text strings.Builder
	p.Write(&text)
	t.say(text.String(), event{Event: "plan", Plan: p.outline()})
}

// step says what a step did or would do.
func (t *Teller) step(e step.Event) { t.say(stepText(e), event{Event: "step", Step: &e}) }

func stepText(e step.Event) string {
	head := fmt.Sprintf("[%d/%d] %s", e.Number, e.Of, e.Step)
	switch e.Phase {
	case "done":
		text := fmt.Sprintf("%s: done, %.1f s", head, e.Took.Seconds())
		if e.Note != "" {
			text += "\n    " + e.Note
		}
		return text
	case "failed":
		return fmt.Sprintf("%s: %s", head, e.Error)
	}
	lines := append([]string{head}, e.Changes...)
	return strings.Join(lines, "\n    ")
}

// quiet progress is told in steps of this many percent.
const coarse = 10

// progress says how far a step is.
func (t *Teller) progress(name string, percent int) {
	text := fmt.Sprintf("%s: %d%%", name, percent)
	t.mu.Lock()
	defer t.mu.Unlock()
	if text == t.last {
		return
	}
	t.last = text
	switch {
	case t.JSON:
		t.json(event{Event: "progress", Name: name, Percent: percent})
	case t.Live:
		fmt.Fprintf(t.Out, "\r    %s   ", text)
		t.half = true
	case percent%coarse == 0:
		fmt.Fprintf(t.Out, "    %s\n", text)
	}
	if t.Log != nil && percent%coarse == 0 {
		fmt.Fprintf(t.Log, "    %s\n", text)
	}
}

func (t *Teller) say(text string, e event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.half {
		fmt.Fprintln(t.Out)
		t.half = false
	}
	if t.JSON {
		t.json(e)
	} else {
		fmt.Fprintln(t.Out, text)
	}
	if t.Log != nil {
		fmt.Fprintln(t.Log, text)
	}
}

func (t *Teller) json(e event) {
	data, err := json.Marshal(e)
	if err != nil {
		data = []byte(fmt.Sprintf(`{"event":"line","text":%q}`, err))
	}
	fmt.Fprintf(t.Out, "%s\n", data)
}

// endMark begins the line that ends every installation.
const endMark = "DEBVISOR-INSTALL-"

// end says the line that whoever watches a console waits for.
func (t *Teller) end(code int, err error) {
	text := endMark + "DONE"
	if err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		text = fmt.Sprintf(endMark+"FAILED %d %s", code, first)
	}
	t.say(text, event{Event: "end", Text: text, Code: &code})
}
