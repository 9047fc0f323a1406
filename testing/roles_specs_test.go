package repository

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"gopkg.in/yaml.v3"
)

// incomplete are the roles that lack a part: every role says what it is in README.md, what its variables are in
// meta/argument_specs.yml, which Ansible checks before it runs the role, and what they are by default, with a comment each.
func incomplete(roles fs.FS) ([]string, error) {
	dirs, err := fs.ReadDir(roles, ".")
	var wrong []string
	for _, d := range dirs {
		for _, why := range roleLacks(roles, d.Name()) {
			wrong = append(wrong, d.Name()+": "+why)
		}
	}
	return wrong, err
}

func roleLacks(roles fs.FS, role string) []string {
	var wrong []string
	readme, err := fs.ReadFile(roles, path.Join(role, "README.md"))
	if err != nil || !strings.HasPrefix(string(readme), "# "+role+"\n") {
		wrong = append(wrong, "README.md does not begin with its name")
	}
	specs, defaults, why := variables(roles, role)
	if why != nil {
		return append(wrong, why.Error())
	}
	for _, name := range slices.Sorted(maps.Keys(specs)) {
		if required, _ := specs[name]["required"].(bool); !required && defaults[name] == nil {
			wrong = append(wrong, name+" has no default")
		}
		if specs[name]["description"] == nil {
			wrong = append(wrong, name+" has no description")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(defaults)) {
		if specs[name] == nil {
			wrong = append(wrong, name+" is not in meta/argument_specs.yml")
		}
		if !*defaults[name] {
			wrong = append(wrong, name+" has no comment in defaults/main.yml")
		}
	}
	return wrong
}

// variables are a role's options, and of its defaults whether a comment stands before each.
func variables(roles fs.FS, role string) (map[string]map[string]any, map[string]*bool, error) {
	var meta struct {
		Specs struct {
			Main struct {
				Options map[string]map[string]any
			}
		} `yaml:"argument_specs"`
	}
	if err := decode(roles, path.Join(role, "meta/argument_specs.yml"), &meta); err != nil {
		return nil, nil, err
	}
	var root yaml.Node
	if err := decode(roles, path.Join(role, "defaults/main.yml"), &root); err != nil {
		return nil, nil, err
	}
	defaults := map[string]*bool{}
	if len(root.Content) > 0 {
		for i := 0; i < len(root.Content[0].Content); i += 2 {
			key := root.Content[0].Content[i]
			commented := key.HeadComment != "" || i == 0 && root.HeadComment+root.Content[0].HeadComment != ""
			defaults[key.Value] = &commented
		}
	}
	return meta.Specs.Main.Options, defaults, nil
}

func decode(files fs.FS, name string, v any) error {
	data, err := fs.ReadFile(files, name)
	if err != nil {
		return err
	}
	if err := yaml.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func TestEveryRoleIsComplete(t *testing.T) {
	wrong, err := incomplete(os.DirFS("../roles"))
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range wrong {
		t.Error(w)
	}
}

func TestTheRoleCheckFindsWhatIsMissing(t *testing.T) {
	text := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	specs := "argument_specs:\n  main:\n    options:\n"
	got, err := incomplete(fstest.MapFS{
		"empty/tasks/main.yml":              text("---\n"),
		"good/README.md":                    text("# good\n"),
		"good/meta/argument_specs.yml":      text(specs + "      a:\n        description: A.\n      b:\n        description: B.\n        required: true\n"),
		"good/defaults/main.yml":            text("---\n# What a is.\na: 1\n"),
		"other/README.md":                   text("# another\n"),
		"other/meta/argument_specs.yml":     text(specs + "      a:\n        type: str\n"),
		"other/defaults/main.yml":           text("---\n# What b is.\nb: 1\nc: 2\n"),
		"other/molecule/default/verify.yml": text("---\n"),
	})
	want := []string{
		"empty: README.md does not begin with its name",
		"empty: open empty/meta/argument_specs.yml: file does not exist",
		"other: README.md does not begin with its name",
		"other: a has no default",
		"other: a has no description",
		"other: b is not in meta/argument_specs.yml",
		"other: c is not in meta/argument_specs.yml",
		"other: c has no comment in defaults/main.yml",
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v; got\n%s", err, strings.Join(got, "\n"))
	}
}
