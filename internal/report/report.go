// Package report collects everything that is wrong with a YAML file, each finding with file, line and column, so that a
// person mends a file once. Decode reads a document strictly into a struct; checks then name a path in it ("users[0].name")
// and the report finds the position. It knows no particular file format.
package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Finding is one thing wrong. Line and column start at 1; 0 where the file has no such place.
type Finding struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Path    string `json:"path,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// String is "file:line:column: path: message", with a hint on a line of its own.
func (f Finding) String() string {
	s := f.File
	if f.Line > 0 {
		s += fmt.Sprintf(":%d:%d", f.Line, f.Column)
	}
	if f.Path != "" {
		s += ": " + f.Path
	}
	s += ": " + f.Message
	if f.Hint != "" {
		s += "\n\thint: " + f.Hint
	}
	return s
}

// Report is what was found in one file. The zero value is not usable; Decode makes one.
type Report struct {
	file     string
	places   map[string]place // path in the document → where it stands
	findings []Finding
}

type place struct{ line, column int }

// Add records a finding at a path such as "storage.data[1].match.size"; where the document has no such path, the nearest
// one above it is named.
func (r *Report) Add(path, hint, format string, args ...any) {
	at := r.nearest(path)
	f := Finding{File: r.file, Line: at.line, Column: at.column, Path: path, Message: fmt.Sprintf(format, args...), Hint: hint}
	if !slices.Contains(r.findings, f) {
		r.findings = append(r.findings, f)
	}
}

// Has reports whether the document has a value at path.
func (r *Report) Has(path string) bool {
	_, ok := r.places[path]
	return ok
}

// nearest is the place of path or of the closest part above it.
func (r *Report) nearest(path string) place {
	for {
		if at, ok := r.places[path]; ok || path == "" {
			return at
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
}

// Findings are all findings in file order.
func (r *Report) Findings() []Finding {
	sorted := slices.Clone(r.findings)
	slices.SortStableFunc(sorted, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return sorted
}

// Err is nil when nothing was found, otherwise an *Error with every finding.
func (r *Report) Err() error {
	if len(r.findings) == 0 {
		return nil
	}
	return &Error{Findings: r.Findings()}
}

// Error is a file that does not hold what it should. Its text is one finding per line.
type Error struct{ Findings []Finding }

func (e *Error) Error() string {
	lines := make([]string, len(e.Findings))
	for i, f := range e.Findings {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}
