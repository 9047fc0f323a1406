// Package ansible is the runtime of Ansible modules written in Go: it reads a task's arguments into a struct, calls the
// module's plan, applies the changes unless the task runs in check mode, plans again, and prints the result as ansible-core
// 2.14 to 2.22 wants it. A module is its parameters and its plan; the domain lives elsewhere, and nothing here knows any
// module. A module looks like this:
//
//	//go:embed motd.yml
//	var docs string
//
//	type params struct {
//		State string   `param:"state,default=present,choices=present|absent"`
//		Path  string   `param:"path,path,required"`
//		Lines []string `param:"lines,aliases=text|content"`
//		Token string   `param:"token,no_log"`
//	}
//
//	var Module = ansible.New(docs, func(ctx context.Context, t *ansible.Task, p params) ([]host.Change, error) {
//		return t.Host.Need(host.File{Path: p.Path, Content: strings.Join(p.Lines, "\n"), Mode: 0o644})
//	})
//
// # Parameters
//
// Every exported field has a tag: the parameter's name, then what holds for it, separated by commas. "-" is no parameter.
// The fields of an embedded struct without a tag belong to the struct around it.
//
//	required            must be given
//	default=TEXT        when it is not given; the items of a list are separated by |
//	choices=a|b         nothing else is accepted; for a list, for each item
//	aliases=a|b         other names
//	no_log              the value is a secret: it is replaced in everything that the module returns and logs
//	path                for text and lists of text: ~ and $VAR are expanded
//	required_if=a:b     must be given when parameter a is b
//	excludes=a|b        may not be given together with these
//
// The type follows from the field's:
//
//	string               str, or path
//	bool                 bool: true, yes, on, y, t, 1, and the like
//	int…, uint…          int: also "2" and 2.0, exact up to 64 bits
//	float…               float
//	time.Duration        str: seconds, or 1h30m
//	TextUnmarshaler      str: netip.Prefix and the like, and one's own
//	[]T                  list with elements T: also "a,b" and a single value; "" is an empty list
//	struct               dict with suboptions; not given, it holds its defaults
//	map[string]T, any    dict, also {"a": 1} and a=1,b=2 as text; raw
//	*T                   T, nil when it is not given
//
// null is as if it were not given. Conversions and the texts of errors are AnsibleModule's; what it would take by mistake
// is refused: a list for text, true for a number. All that is wrong is said at once. Where tags do not suffice the struct
// has a method Validate() error, which is called on values that are right by themselves.
//
// # Documentation
//
// docs is the text of modules/NAME/NAME.yml with the keys DOCUMENTATION, EXAMPLES and RETURN, as for ansible-doc;
// ansibletest.CheckDocs holds it against the struct, and the module's name is the one in it.
//
// # Plan
//
// The plan only looks. It is called once in check mode, and again after its changes were applied: what is then left is a
// failure. Of the second call only errors and changes count: return values are those of the first, and of what the
// changes set while they were made.
package ansible

import (
	"context"
	"errors"
	"reflect"
	"strings"

	"debvisor/internal/host"
)

// Module is one module of the binary. New makes it; the zero value is not usable.
type Module struct {
	Name        string // without the collection
	Description string // in one line
	Docs        string // DOCUMENTATION, EXAMPLES and RETURN as YAML
	Options     []Option
	wrong       error // in its tags or documentation
	bind        func(arguments map[string]any) (planner, error)
}

// planner is a plan with its parameters.
type planner func(ctx context.Context, t *Task) ([]host.Change, error)

// New is the module that the documentation describes, with the parameters P, a struct. What is wrong with the struct or
// the documentation is told by Err, and by every run.
func New[P any](docs string, plan func(ctx context.Context, t *Task, p P) ([]host.Change, error)) Module {
	m := Module{Docs: docs, Name: scalar(docs, "module"), Description: scalar(docs, "short_description")}
	options, err := optionsOf(reflect.TypeFor[P]())
	if m.Name == "" {
		err = errors.Join(err, errors.New("the documentation does not name the module"))
	}
	m.Options, m.wrong = options, err
	m.bind = func(arguments map[string]any) (planner, error) {
		if _, err := decode[P](options, arguments); err != nil {
			return nil, err
		}
		return func(ctx context.Context, t *Task) ([]host.Change, error) {
			p, err := decode[P](options, arguments) // anew, so that a plan sees what the last one saw
			if err != nil {
				return nil, err
			}
			return plan(ctx, t, p)
		}, nil
	}
	return m
}

// Err is what is wrong with the module itself, or nil.
func (m Module) Err() error { return m.wrong }

// Validate is all that is wrong with a task's arguments, given as encoding/json decodes them with UseNumber, or nil. The
// plan is not called.
func (m Module) Validate(arguments map[string]any) error {
	c := &check{module: m.Name, warn: func(string, ...any) {}}
	values := c.arguments(m.Options, arguments, nil)
	if len(c.findings) > 0 {
		return errors.Join(c.findings...)
	}
	_, err := m.bind(values)
	return err
}

func decode[P any](options []Option, arguments map[string]any) (P, error) {
	var p P
	if err := assign(reflect.ValueOf(&p).Elem(), options, arguments, nil); err != nil {
		return p, err
	}
	if v, ok := any(&p).(interface{ Validate() error }); ok {
		return p, v.Validate()
	}
	return p, nil
}

// scalar is a plain value of the documentation. It is looked for at every start of the binary, for which parsing all of the
// documentation would take too long.
func scalar(docs, key string) string {
	for line := range strings.Lines(docs) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), key+":"); ok {
			return strings.Trim(strings.TrimSpace(value), `"'`)
		}
	}
	return ""
}
