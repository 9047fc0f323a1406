package repository

import (
	"fmt"
	"go/ast"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// texts are the files below some directories.
func texts(t *testing.T, dirs ...string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := os.ReadFile(name)
			all[name] = string(data)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// verb is one of a command's verbs, and whether its help shows an example.
type verb struct {
	command, name string
	example       bool
}

// verbs are the cobra commands in cmd/, by the literals that make them.
func verbs(all []source) []verb {
	var found []verb
	for _, s := range all {
		if s.isTest() || !strings.HasPrefix(s.folder(), "cmd/") {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if c, ok := n.(*ast.CompositeLit); ok {
				if use := field(c, "Use"); use != nil {
					found = append(found, verb{path.Base(s.folder()), firstWord(use), field(c, "Example") != nil})
				}
			}
			return true
		})
	}
	return found
}

func field(c *ast.CompositeLit, name string) ast.Expr {
	for _, e := range c.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if key, ok := kv.Key.(*ast.Ident); ok && key.Name == name {
				return kv.Value
			}
		}
	}
	return nil
}

func firstWord(e ast.Expr) string {
	l, ok := e.(*ast.BasicLit)
	if !ok {
		return ""
	}
	text, err := strconv.Unquote(l.Value)
	if f := strings.Fields(text); err == nil && len(f) > 0 {
		return f[0]
	}
	return ""
}

// undocumented are the verbs without an example, and those that no text speaks of.
func undocumented(all []verb, docs string) []string {
	var wrong []string
	for _, v := range all {
		spoken := regexp.MustCompile(`(?m)\b` + regexp.QuoteMeta(v.command) + `( [a-z]+)* ` + regexp.QuoteMeta(v.name) + `\b`)
		if v.name == v.command {
			spoken = regexp.MustCompile(`\b` + regexp.QuoteMeta(v.name) + `\b`)
		}
		if !v.example {
			wrong = append(wrong, fmt.Sprintf("%s %s: its help has no example", v.command, v.name))
		}
		if !spoken.MatchString(docs) {
			wrong = append(wrong, fmt.Sprintf("%s %s: not in docs/ or README.md", v.command, v.name))
		}
	}
	return wrong
}

func TestEveryVerbIsDocumentedAndHasAnExample(t *testing.T) {
	all := verbs(repository(t))
	if len(all) < 8 {
		t.Fatalf("only %d verbs found: this test looks in the wrong place", len(all))
	}
	var docs strings.Builder
	for _, text := range texts(t, "../docs", "../README.md") {
		docs.WriteString(text)
	}
	for _, wrong := range undocumented(all, docs.String()) {
		t.Error(wrong)
	}
}

func TestTheDocumentationCheckFindsWhatIsMissing(t *testing.T) {
	code := "package main\n\nvar a = T{Use: \"tool\", Example: \"x\"}\nvar b = &T{Use: \"look [AT]\"}\nvar c = T{Use: \"away\", Example: \"x\"}\n"
	all := verbs(sources(t, fstest.MapFS{"cmd/tool/main.go": {Data: []byte(code)}}))
	got := strings.Join(undocumented(all, "call `tool deep look` now\n"), "\n")
	if want := "tool look: its help has no example\ntool away: not in docs/ or README.md"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
