package ansible

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// result is what Ansible is given. Secrets are replaced part by part, so that the keys Ansible looks for stay.
func (r *run) result(err error) map[string]any {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.task.mu.Lock()
	defer r.task.mu.Unlock()
	s := newScrubber(r.task.secrets)
	result := map[string]any{}
	wrong := r.values(result, s)
	err = errors.Join(err, r.task.misuse, wrong)
	r.say(result, err, s)
	r.tell(result, s)
	if err != nil {
		result["failed"] = true
		result["msg"] = s.text(r.problem(err))
	}
	return result
}

// values adds the module's return values. One that JSON cannot hold is an error.
func (r *run) values(result map[string]any, s scrubber) error {
	var wrong []error
	for name, v := range r.task.values {
		decoded, err := plain(v)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("the module has a bug: return value %s: %w", name, err))
			continue
		}
		result[name] = s.value(decoded)
	}
	return errors.Join(wrong...)
}

// say adds what changed: made changes when there was a failure, otherwise all.
func (r *run) say(result map[string]any, err error, s scrubber) {
	changes, word := r.changes, "made"
	if r.in.check {
		word = "would make"
	} else if err != nil {
		changes = r.changes[:r.done]
	}
	result["changed"] = len(changes) > 0
	if _, said := result["msg"]; !said {
		result["msg"] = count(word, len(changes))
	}
	if r.in.diff && len(changes) > 0 {
		result["diff"] = diffOf(changes, s)
	}
	if r.in.verbosity > 0 || err != nil && r.done > 0 {
		result["changes"] = s.texts(lines(changes))
	}
}

func count(word string, changes int) string {
	switch changes {
	case 0:
		return "nothing to change"
	case 1:
		return word + " 1 change"
	}
	return fmt.Sprintf("%s %d changes", word, changes)
}

func (s scrubber) texts(all []string) []string {
	clean := make([]string, len(all))
	for i, text := range all {
		clean[i] = s.text(text)
	}
	return clean
}

// tell adds warnings, deprecations, the stack of a panic and the arguments.
func (r *run) tell(result map[string]any, s scrubber) {
	if r.task.warnings != nil {
		result["warnings"] = s.texts(r.task.warnings)
	}
	var deprecations []deprecation
	for _, d := range r.task.deprecations {
		d.Message = s.text(d.Message)
		deprecations = append(deprecations, d)
	}
	if deprecations != nil {
		result["deprecations"] = deprecations
	}
	if r.stack != "" {
		result["exception"] = s.text(r.stack)
	}
	if r.shown != nil && r.in.invocation {
		result["invocation"] = map[string]any{"module_args": s.arguments(r.shown)}
	}
}

// arguments scrubs values; the names are the module's own.
func (s scrubber) arguments(shown map[string]any) map[string]any {
	clean := make(map[string]any, len(shown))
	for name, v := range shown {
		if v == maskedParameter {
			clean[name] = v
			continue
		}
		clean[name] = brief(s.value(copied(v)))
	}
	return clean
}

// What is shown of an argument: the task has it anyway, and a list of a million lines would only go back and forth.
const (
	textLimit = 4096 // bytes
	itemLimit = 200
)

func brief(v any) any {
	switch v := v.(type) {
	case string:
		if len(v) > textLimit {
			return fmt.Sprintf("%s… (%d bytes)", strings.ToValidUTF8(v[:textLimit], ""), len(v))
		}
	case []any:
		if len(v) > itemLimit {
			v = append(v[:itemLimit:itemLimit], fmt.Sprintf("… and %d more", len(v)-itemLimit))
		}
		for i := range v {
			v[i] = brief(v[i])
		}
		return v
	case map[string]any:
		for key := range v {
			v[key] = brief(v[key])
		}
	}
	return v
}

// copied is a value whose lists and maps are its own: the module still has the other one.
func copied(v any) any {
	switch v := v.(type) {
	case []any:
		items := make([]any, len(v))
		for i := range v {
			items[i] = copied(v[i])
		}
		return items
	case map[string]any:
		values := make(map[string]any, len(v))
		for key := range v {
			values[key] = copied(v[key])
		}
		return values
	}
	return v
}

// problem is the message of a failure: all that is wrong, and how far it came.
func (r *run) problem(err error) string {
	text := strings.Join(parts(err), "; ")
	if r.done > 0 && r.done < len(r.changes) {
		text += fmt.Sprintf(" (%s of %d before)", count("made", r.done), len(r.changes))
	}
	return text
}

// joined is the type that errors.Join makes. An error of fmt.Errorf may wrap several too, and has a text of its own.
var joined = reflect.TypeOf(errors.Join(errors.ErrUnsupported))

// parts are the texts of joined errors.
func parts(err error) []string {
	several, ok := err.(interface{ Unwrap() []error })
	if !ok || reflect.TypeOf(err) != joined {
		return []string{err.Error()}
	}
	var all []string
	for _, e := range several.Unwrap() {
		all = append(all, parts(e)...)
	}
	return all
}
