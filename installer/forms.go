package installer

import (
	"context"
	"errors"
	"os"
	"strings"

	"charm.land/huh/v2"
)

// Forms asks with huh's forms on a screen.
type Forms struct {
	In, Out *os.File
}

// Ask implements Asker.
func (f *Forms) Ask(ctx context.Context, q Question) (string, error) {
	answer := q.Default
	chosen := lines(q.Default)
	form := huh.NewForm(huh.NewGroup(field(q, &answer, &chosen))).WithInput(f.In).WithOutput(f.Out)
	err := form.RunWithContext(ctx)
	switch {
	case errors.Is(err, huh.ErrUserAborted):
		return "", ErrAborted
	case err != nil:
		return "", err
	case q.Kind == Many:
		return strings.Join(chosen, "\n"), nil
	}
	return strings.TrimSpace(answer), nil
}

// field is a question as a field of a form, with the question's own check.
func field(q Question, answer *string, chosen *[]string) huh.Field {
	check := func(s string) error {
		if q.Check == nil {
			return nil
		}
		return q.Check(s)
	}
	switch q.Kind {
	case One:
		return huh.NewSelect[string]().Title(q.Title).Description(q.Help).Options(options(q, nil)...).Value(answer).Validate(check)
	case Many:
		return huh.NewMultiSelect[string]().Title(q.Title).Description(q.Help).Options(options(q, *chosen)...).Value(chosen).
			Validate(func(s []string) error { return check(strings.Join(s, "\n")) })
	case Secret:
		*answer = ""
		return huh.NewInput().Title(q.Title).Description(q.Help).EchoMode(huh.EchoModePassword).Value(answer).
			Validate(func(s string) error { return check(or(s, q.Default)) })
	default:
		return huh.NewInput().Title(q.Title).Description(q.Help).Value(answer).Validate(check)
	}
}

func options(q Question, chosen []string) []huh.Option[string] {
	var all []huh.Option[string]
	for _, o := range q.Options {
		h := huh.NewOption(o.Text, o.Value)
		for _, c := range chosen {
			if c == o.Value {
				h = h.Selected(true)
			}
		}
		all = append(all, h)
	}
	return all
}
