package repository

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// leastComment is about a sentence: shorter says no more than the name.
const leastComment = 60

// wrongComments are the packages that do not say what they are, in one place.
func wrongComments(all []source) []string {
	comments, packages := map[string][]string{}, map[string]string{}
	for _, s := range all {
		if s.isTest() {
			continue
		}
		packages[s.folder()] = s.file.Name.Name
		if s.file.Doc != nil {
			comments[s.folder()] = append(comments[s.folder()], s.file.Doc.Text())
		}
	}
	var wrong []string
	for _, folder := range slices.Sorted(maps.Keys(packages)) {
		if why := wrongComment(folder, packages[folder], comments[folder]); why != "" {
			wrong = append(wrong, fmt.Sprintf("%s: %s", folder, why))
		}
	}
	return wrong
}

func wrongComment(folder, name string, comments []string) string {
	begin := "Package " + name + " "
	if name == "main" {
		begin = "Command " + path.Base(folder) + " "
	}
	switch {
	case len(comments) == 0:
		return "no package comment"
	case len(comments) > 1:
		return fmt.Sprintf("%d package comments", len(comments))
	case !strings.HasPrefix(comments[0], begin):
		return fmt.Sprintf("the package comment does not begin with %q", begin)
	case len(comments[0]) < leastComment:
		return "the package comment says nothing"
	}
	return ""
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	for _, wrong := range wrongComments(repository(t)) {
		t.Error(wrong)
	}
}

func TestTheCommentCheckFindsWhatIsMissing(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	good := strings.Repeat(" looks at what there is,", 4)
	got := wrongComments(sources(t, fstest.MapFS{
		"none/a.go":      file("package none\n"),
		"two/a.go":       file("// Package two" + good + "\npackage two\n"),
		"two/b.go":       file("// Package two" + good + "\npackage two\n"),
		"short/a.go":     file("// Package short is short.\npackage short\n"),
		"cmd/x/main.go":  file("// Package x" + good + "\npackage main\n"),
		"cmd/y/main.go":  file("// Command y" + good + "\npackage main\n"),
		"fine/a.go":      file("// Package fine" + good + "\npackage fine\n"),
		"fine/b_test.go": file("package fine_test\n"),
	}))
	want := []string{
		`cmd/x: the package comment does not begin with "Command x "`,
		"none: no package comment",
		"short: the package comment says nothing",
		"two: 2 package comments",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
}
