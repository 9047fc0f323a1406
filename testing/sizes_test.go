package repository

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// No file and no function is longer than this, and nine of ten keep to what a reader takes in at once. Tests are read case
// by case and may be longer.
const (
	fileLimit, fileUsual         = 400, 300
	testLimit                    = 600
	functionLimit, functionUsual = 80, 40
)

// function is a function's name and its lines.
type function struct {
	name  string
	lines int
}

// functions are those of a file; a table of test cases is no function.
func (s source) functions() []function {
	var all []function
	for _, d := range s.file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && !s.isTest() {
			lines := s.set.Position(f.End()).Line - s.set.Position(f.Pos()).Line + 1
			all = append(all, function{name: s.name + ": " + f.Name.Name, lines: lines})
		}
	}
	return all
}

func tooLong(all []source) []string {
	var wrong []string
	for _, s := range all {
		if s.lines > testLimit || s.lines > fileLimit && !s.isTest() {
			wrong = append(wrong, fmt.Sprintf("%s has %d lines", s.name, s.lines))
		}
		for _, f := range s.functions() {
			if f.lines > functionLimit {
				wrong = append(wrong, fmt.Sprintf("%s has %d lines", f.name, f.lines))
			}
		}
	}
	return wrong
}

func TestNothingIsTooLongToRead(t *testing.T) {
	all := repository(t)
	for _, wrong := range tooLong(all) {
		t.Error(wrong)
	}
	var files, funcs []int
	for _, s := range all {
		files = append(files, s.lines)
		for _, f := range s.functions() {
			funcs = append(funcs, f.lines)
		}
	}
	t.Logf("%d files: half have at most %d lines, nine of ten at most %d", len(files), share(files, 50), share(files, 90))
	t.Logf("%d functions: half have at most %d lines, nine of ten at most %d", len(funcs), share(funcs, 50), share(funcs, 90))
	if got := share(files, 90); got > fileUsual {
		t.Errorf("nine of ten files have at most %d lines, not %d", got, fileUsual)
	}
	if got := share(funcs, 90); got > functionUsual {
		t.Errorf("nine of ten functions have at most %d lines, not %d", got, functionUsual)
	}
}

// share is the smallest length that at least percent of all keep to.
func share(lengths []int, percent int) int {
	slices.Sort(lengths)
	return lengths[(len(lengths)*percent+99)/100-1]
}

func TestTheSizeCheckFindsWhatIsTooLong(t *testing.T) {
	long := "package x\n\nfunc f() {\n" + strings.Repeat("\n", functionLimit-1) + "}\n"
	got := tooLong(sources(t, fstest.MapFS{
		"a.go":      {Data: []byte(long)},
		"b.go":      {Data: []byte("package x\n" + strings.Repeat("\n", fileLimit))},
		"c_test.go": {Data: []byte(long)},
		"e_test.go": {Data: []byte("package x\n" + strings.Repeat("\n", testLimit))},
		"d.go":      {Data: []byte(strings.Replace(long, "\n\n\n", "\n\n", 1))},
	}))
	want := []string{fmt.Sprintf("a.go: f has %d lines", functionLimit+1), fmt.Sprintf("b.go has %d lines", fileLimit+1), fmt.Sprintf("e_test.go has %d lines", testLimit+1)}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := share([]int{5, 1, 2, 4, 3, 6, 7, 8, 9, 100}, 90); got != 9 {
		t.Errorf("nine of ten are at most %d", got)
	}
}
