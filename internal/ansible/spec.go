package ansible

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Option is a parameter as Ansible knows it.
type Option struct {
	Name     string
	Type     string // str, path, bool, int, float, list, dict or raw
	Elements string // the type of a list's items
	Required bool
	Default  any // text, bool, json.Number or []any of these; nil for none
	Choices  []string
	NoLog    bool
	Aliases  []string
	Options  []Option // of a dict, or of the dicts in a list
	If       []Condition
	Excludes []string

	index []int // the field
}

// Condition is another parameter's value with which an option must be given.
type Condition struct{ Option, Value string }

// item is what holds for each item of a list.
func (o Option) item() Option {
	return Option{Name: o.Name, Type: o.Elements, Options: o.Options, index: o.index}
}

// names are the option's name and its aliases.
func (o Option) names() []string { return append([]string{o.Name}, o.Aliases...) }

func optionsOf(t reflect.Type) ([]Option, error) {
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("%s is no struct of parameters", t)
	}
	var options []Option
	var wrong []error
	for i := range t.NumField() {
		some, err := optionsOfField(t.Field(i))
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s.%s: %w", t, t.Field(i).Name, err))
		}
		options = append(options, some...)
	}
	return options, errors.Join(append(wrong, repeated(options))...)
}

func optionsOfField(f reflect.StructField) ([]Option, error) {
	tag, tagged := f.Tag.Lookup("param")
	switch {
	case f.Anonymous && !tagged:
		options, err := optionsOf(f.Type)
		for i := range options {
			options[i].index = append(slices.Clone(f.Index), options[i].index...)
		}
		return options, err
	case tag == "-" || !f.IsExported():
		return nil, nil
	case !tagged:
		return nil, errors.New("no tag param")
	}
	o := Option{index: f.Index}
	if err := o.setType(f.Type); err != nil {
		return nil, err
	}
	err := o.setTag(tag)
	return []Option{o}, err
}

// repeated is the error of names that more than one option has.
func repeated(options []Option) error {
	seen := map[string]bool{}
	for _, o := range options {
		for _, name := range o.names() {
			if seen[name] {
				return fmt.Errorf("%s stands for two parameters", name)
			}
			seen[name] = true
		}
	}
	return nil
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	textType     = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// readsText: a type that is made from text by its own method.
func readsText(t reflect.Type) bool {
	return t == durationType || reflect.PointerTo(t).Implements(textType)
}

func (o *Option) setType(t reflect.Type) (err error) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	o.Type, err = typeName(t)
	if o.Type == "list" {
		if o.Elements, err = typeName(t.Elem()); o.Elements == "list" {
			err = errors.New("a list of lists")
		}
		t = t.Elem()
	}
	if err == nil && t.Kind() == reflect.Struct && !readsText(t) {
		o.Options, err = optionsOf(t)
	}
	return err
}

func typeName(t reflect.Type) (string, error) {
	switch k := t.Kind(); {
	case readsText(t) || k == reflect.String:
		return "str", nil
	case k == reflect.Bool:
		return "bool", nil
	case t.Kind() >= reflect.Int && k <= reflect.Uint64:
		return "int", nil
	case k == reflect.Float32 || k == reflect.Float64:
		return "float", nil
	case k == reflect.Slice:
		return "list", nil
	case k == reflect.Struct || k == reflect.Map && t.Key().Kind() == reflect.String:
		return "dict", nil
	case k == reflect.Interface && t.NumMethod() == 0:
		return "raw", nil
	}
	return "", fmt.Errorf("no parameter can be a %s", t)
}

// setTag reads a tag such as "state,default=present,choices=present|absent".
func (o *Option) setTag(tag string) error {
	name, rest, _ := strings.Cut(tag, ",")
	o.Name = name
	fallback, hasDefault := "", false
	for _, part := range strings.Split(rest, ",") {
		key, value, _ := strings.Cut(part, "=")
		if key == "default" {
			fallback, hasDefault = value, true
		} else if err := o.set(key, value); err != nil {
			return err
		}
	}
	if hasDefault {
		return o.setDefault(fallback)
	}
	return nil
}

func (o *Option) set(key, value string) error {
	switch key {
	case "":
	case "required":
		o.Required = true
	case "no_log":
		o.NoLog = true
	case "path":
		return o.setPath()
	case "choices":
		o.Choices = strings.Split(value, "|")
	case "aliases":
		o.Aliases = strings.Split(value, "|")
	case "excludes":
		o.Excludes = strings.Split(value, "|")
	case "required_if":
		name, wanted, _ := strings.Cut(value, ":")
		o.If = append(o.If, Condition{name, wanted})
	default:
		return fmt.Errorf("%s means nothing in a tag", key)
	}
	return nil
}

func (o *Option) setPath() error {
	switch {
	case o.Type == "str":
		o.Type = "path"
	case o.Elements == "str":
		o.Elements = "path"
	default:
		return errors.New("only text can be a path")
	}
	return nil
}

func (o *Option) setDefault(text string) (err error) {
	if o.Required {
		return errors.New("what is required has no default")
	}
	if o.Type != "list" {
		o.Default, err = convert(*o, text)
		return err
	}
	list := []any{}
	for _, item := range strings.Split(text, "|") {
		if text != "" {
			list = append(list, item)
		}
	}
	o.Default, err = convert(*o, list)
	return err
}
