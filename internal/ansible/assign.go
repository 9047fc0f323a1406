package ansible

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// assign fills a struct from arguments that are checked. What a field's own type refuses is an error that names the
// parameter; all of them are joined.
func assign(v reflect.Value, options []Option, values map[string]any, parents []string) error {
	var wrong []error
	for _, o := range options {
		value, given := values[o.Name]
		field := v.FieldByIndex(o.index)
		if !given || value == nil && field.Kind() == reflect.Pointer {
			continue
		}
		path := append(slices.Clone(parents), o.Name)
		if err := set(field, o, value, path); err != nil {
			wrong = append(wrong, err)
		}
	}
	return errors.Join(wrong...)
}

func set(v reflect.Value, o Option, value any, path []string) error {
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	if readsText(v.Type()) {
		return setText(v, o, value, path)
	}
	switch v.Kind() {
	case reflect.Slice:
		return setList(v, o, value, path)
	case reflect.Struct:
		return setStruct(v, o, value, path)
	case reflect.Map:
		return setMap(v, value, path)
	case reflect.Interface:
		v.Set(reflect.ValueOf(value))
		return nil
	}
	return setScalar(v, o, value, path)
}

// refused names the parameter whose value its type does not take.
func refused(o Option, value any, path []string, err error) error {
	return fmt.Errorf("argument '%s' is of type %s%s and we were unable to convert to %s: %w", o.Name, pythonType(value), quotedFound(path[:len(path)-1]), o.Type, err)
}

func setText(v reflect.Value, o Option, value any, path []string) error {
	text := strings.TrimSpace(value.(string))
	if v.Type() == durationType {
		d, err := duration(text)
		v.SetInt(int64(d))
		if err != nil {
			return refused(o, value, path, err)
		}
		return nil
	}
	if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)); err != nil {
		return refused(o, value, path, err)
	}
	return nil
}

// duration reads seconds, or what Go calls a duration.
func duration(text string) (time.Duration, error) {
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		text += "s"
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, errors.New("it is no time such as 90, 90s or 1h30m")
	}
	return d, nil
}

func setScalar(v reflect.Value, o Option, value any, path []string) (err error) {
	switch value := value.(type) {
	case string:
		v.SetString(value)
	case bool:
		v.SetBool(value)
	case json.Number:
		err = setNumber(v, value.String())
	}
	if err != nil {
		return refused(o, value, path, err)
	}
	return nil
}

func setNumber(v reflect.Value, text string) error {
	switch {
	case v.CanInt():
		n, err := strconv.ParseInt(text, 10, v.Type().Bits())
		v.SetInt(n)
		return tooLarge(err)
	case v.CanUint():
		n, err := strconv.ParseUint(text, 10, v.Type().Bits())
		v.SetUint(n)
		return tooLarge(err)
	}
	f, err := strconv.ParseFloat(text, v.Type().Bits())
	v.SetFloat(f)
	return tooLarge(err)
}

// tooLarge is what is wrong with a number that is one; the value itself may be a secret.
func tooLarge(err error) error {
	if err == nil {
		return nil
	}
	return errors.New("it is too large, or negative where that makes no sense")
}

func setList(v reflect.Value, o Option, value any, path []string) error {
	items := value.([]any)
	v.Set(reflect.MakeSlice(v.Type(), len(items), len(items)))
	var wrong []error
	for i, item := range items {
		if err := set(v.Index(i), o.item(), item, path); err != nil {
			wrong = append(wrong, err)
		}
	}
	return errors.Join(wrong...)
}

// setStruct fills suboptions; a dict that is not given holds their defaults.
func setStruct(v reflect.Value, o Option, value any, path []string) error {
	values, given := value.(map[string]any)
	if !given {
		values = defaults(o.Options)
	}
	return assign(v, o.Options, values, path)
}

func defaults(options []Option) map[string]any {
	values := map[string]any{}
	for _, o := range options {
		if o.Default != nil {
			values[o.Name] = o.Default
		} else if o.Type == "dict" && o.Options != nil {
			values[o.Name] = nil
		}
	}
	return values
}

// setMap fills a dict with keys of the task's choosing; its values are converted like parameters.
func setMap(v reflect.Value, value any, path []string) error {
	v.Set(reflect.MakeMap(v.Type()))
	var wrong []error
	for key, some := range value.(map[string]any) {
		item := Option{Name: strings.Join(append(slices.Clone(path[1:]), key), ".")}
		element := reflect.New(v.Type().Elem()).Elem()
		if err := setMapValue(element, item, some, append(slices.Clone(path), key)); err != nil {
			wrong = append(wrong, err)
			continue
		}
		v.SetMapIndex(reflect.ValueOf(key).Convert(v.Type().Key()), element)
	}
	return errors.Join(wrong...)
}

func setMapValue(v reflect.Value, o Option, value any, path []string) error {
	if v.Kind() == reflect.Interface {
		if value != nil {
			v.Set(reflect.ValueOf(value))
		}
		return nil
	}
	if err := o.setType(v.Type()); err != nil {
		return err
	}
	converted, err := convert(o, value)
	if err != nil {
		return refused(o, value, path, err)
	}
	return set(v, o, converted, path)
}
