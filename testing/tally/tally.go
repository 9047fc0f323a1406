package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// excuses begin the reasons of skips that are no oversight: no machine of this kind can help, or another target of the
// Makefile runs the test.
var excuses = []string{"not possible here:", "runs with make "}

func excused(reason string) bool {
	return slices.ContainsFunc(excuses, func(e string) bool { return strings.HasPrefix(reason, e) })
}

// event is a line of `go test -json`; its fields are those of cmd/test2json and of build output.
type event struct {
	Action     string
	Package    string
	Test       string
	Output     string
	ImportPath string
	Elapsed    float64 // seconds
}

type test struct {
	outcome string // pass, fail, skip; "" while it runs
	output  []string
	parent  bool // has subtests, which are counted in its place
}

type pkg struct {
	tests  map[string]*test
	output []string // what belongs to no test: panics, TestMain, the reason of a build failure
	closed bool
}

type skip struct{ name, reason string }

type tally struct {
	out                     io.Writer
	packages                map[string]*pkg
	build                   map[string][]string
	passed, failed, skipped int
	skips                   []skip
}

func newTally(out io.Writer) *tally {
	return &tally{out: out, packages: map[string]*pkg{}, build: map[string][]string{}}
}

// read takes events until the end of r; a line that is none is printed as it is.
func (t *tally) read(r io.Reader) error {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		var e event
		switch {
		case line == "":
		case json.Unmarshal([]byte(line), &e) != nil:
			fmt.Fprint(t.out, line)
		default:
			t.take(e)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read test events: %w", err)
		}
	}
}

func (t *tally) take(e event) {
	switch {
	case e.Action == "build-output":
		t.build[e.ImportPath] = append(t.build[e.ImportPath], e.Output)
	case e.Action == "build-fail":
		t.print(t.build[e.ImportPath])
	case e.Package == "":
	case e.Test == "":
		t.takePackage(e, t.pkg(e.Package))
	default:
		t.takeTest(e, t.pkg(e.Package).test(e.Test))
	}
}

func (t *tally) pkg(name string) *pkg {
	if t.packages[name] == nil {
		t.packages[name] = &pkg{tests: map[string]*test{}}
	}
	return t.packages[name]
}

func (p *pkg) test(name string) *test {
	if p.tests[name] == nil {
		p.tests[name] = &test{}
	}
	if i := strings.LastIndex(name, "/"); i > 0 {
		p.test(name[:i]).parent = true
	}
	return p.tests[name]
}

func (t *tally) takeTest(e event, is *test) {
	switch e.Action {
	case "output":
		is.output = append(is.output, e.Output)
	case "pass", "fail", "skip":
		is.outcome = e.Action
	}
	if e.Action == "fail" {
		t.print(is.output)
	}
}

func (t *tally) takePackage(e event, p *pkg) {
	switch e.Action {
	case "output":
		p.output = append(p.output, e.Output)
	case "pass", "fail", "skip":
		t.close(e, p)
	}
}

// close counts a package's tests and prints its line.
func (t *tally) close(e event, p *pkg) {
	p.closed = true
	before := t.passed + t.failed + t.skipped
	failed := t.failed
	for _, name := range slices.Sorted(maps.Keys(p.tests)) {
		t.count(e.Package, name, p)
	}
	tests := t.passed + t.failed + t.skipped - before
	if e.Action == "fail" && t.failed == failed { // it failed outside its tests
		t.failed++
		t.print(p.output)
	}
	word := map[string]string{"pass": "ok", "fail": "FAIL", "skip": "-"}[e.Action]
	fmt.Fprintf(t.out, "%-4s %-44s %7.1f s %5d tests\n", word, e.Package, e.Elapsed, tests)
}

func (t *tally) count(name, testName string, p *pkg) {
	is := p.tests[testName]
	if is.parent && (is.outcome != "fail" || p.childFailed(testName)) {
		return
	}
	switch is.outcome {
	case "pass":
		t.passed++
	case "skip":
		t.skipped++
		t.skips = append(t.skips, skip{name + " " + testName, reason(is.output)})
	case "fail":
		t.failed++
	default: // it began and never ended: a panic, a time-out, a killed run
		t.failed++
		t.print(append(is.output, fmt.Sprintf("    %s %s did not end\n", name, testName)))
		t.print(p.output)
	}
}

func (p *pkg) childFailed(name string) bool {
	for other, is := range p.tests {
		if strings.HasPrefix(other, name+"/") && is.outcome != "pass" && is.outcome != "skip" {
			return true
		}
	}
	return false
}

func (t *tally) print(lines []string) { fmt.Fprint(t.out, strings.Join(lines, "")) }

var position = regexp.MustCompile(`^\s+\S+\.go:\d+: (.*)`)

// reason is what a test gave to t.Skip: the last message with a position, with the lines that follow it.
func reason(output []string) string {
	said := ""
	for _, line := range output {
		switch m := position.FindStringSubmatch(line); {
		case m != nil:
			said = m[1]
		case said != "" && strings.HasPrefix(line, "        "):
			said += " " + strings.TrimSpace(line)
		}
	}
	if said == "" {
		return "no reason given"
	}
	return said
}

// finish prints the list of skipped tests and the last line; true means that all is well.
func (t *tally) finish(strict bool) bool {
	for _, name := range slices.Sorted(maps.Keys(t.packages)) {
		if p := t.packages[name]; !p.closed { // go test itself was ended
			t.close(event{Action: "fail", Package: name}, p)
		}
	}
	ok := t.failed == 0
	for _, s := range t.skips {
		note := ""
		if strict && !excused(s.reason) {
			note, ok = " (not allowed here)", false
		}
		fmt.Fprintf(t.out, "skip %s: %s%s\n", s.name, s.reason, note)
	}
	if t.passed+t.failed+t.skipped == 0 {
		fmt.Fprintln(t.out, "no test has run")
		ok = false
	}
	fmt.Fprintf(t.out, "%d passed, %d failed, %d skipped\n", t.passed, t.failed, t.skipped)
	return ok
}
