package ansible

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// convert makes of a JSON value what AnsibleModule would make of it for the option's type: text, bool, json.Number,
// []any or map[string]any. Errors do not repeat the value, which may be a secret.
func convert(o Option, v any) (any, error) {
	switch o.Type {
	case "str":
		return toText(v)
	case "path":
		text, err := toText(v)
		return expand(text), err
	case "bool":
		return toBool(v)
	case "int":
		return toInt(v)
	case "float":
		return toFloat(v)
	case "list":
		return toList(o, v)
	case "dict":
		return toDict(v)
	}
	return v, nil
}

// wrongType is the error of a value that is not what it should be, in AnsibleModule's words.
func wrongType(v any, article string) error {
	return fmt.Errorf("%s cannot be converted to %s", pythonType(v), article)
}

// pythonType is how Ansible's users know the type of a value.
func pythonType(v any) string {
	switch v := v.(type) {
	case nil:
		return "<class 'NoneType'>"
	case string:
		return "<class 'str'>"
	case bool:
		return "<class 'bool'>"
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			return "<class 'float'>"
		}
		return "<class 'int'>"
	case []any:
		return "<class 'list'>"
	}
	return "<class 'dict'>"
}

func toText(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	case bool:
		return pythonBool(v), nil
	}
	return "", wrongType(v, "a str")
}

func pythonBool(b bool) string {
	if b {
		return "True"
	}
	return "False"
}

func toBool(v any) (bool, error) {
	text := ""
	switch v := v.(type) {
	case bool:
		return v, nil
	case string:
		text = strings.ToLower(strings.TrimSpace(v))
	case json.Number:
		f, err := v.Float64()
		if err != nil {
			return false, wrongType(v, "a bool")
		}
		text = strconv.FormatFloat(f, 'g', -1, 64)
	}
	switch text {
	case "y", "yes", "on", "1", "true", "t":
		return true, nil
	case "n", "no", "off", "0", "false", "f":
		return false, nil
	}
	return false, fmt.Errorf("%w; use yes or no", wrongType(v, "a bool"))
}

// toInt takes whole numbers of any length: 2, "2", " 2 ", "1_000", 2.0.
func toInt(v any) (json.Number, error) {
	text := ""
	switch v := v.(type) {
	case string:
		text = strings.TrimSpace(v)
	case json.Number:
		text = v.String()
	}
	if digits, ok := wholeNumber(text); ok {
		return json.Number(digits), nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 || strings.ContainsAny(text, "xX_") {
		return "", wrongType(v, "an int")
	}
	return json.Number(strconv.FormatFloat(f, 'f', 0, 64)), nil
}

// wholeNumber is the usual form of a number that Python's int() takes.
func wholeNumber(text string) (string, bool) {
	sign, digits := "", strings.TrimPrefix(text, "+")
	if len(digits) == len(text) {
		digits = strings.TrimPrefix(text, "-")
		sign = text[:len(text)-len(digits)]
	}
	for part := range strings.SplitSeq(digits, "_") {
		if part == "" || strings.Trim(part, "0123456789") != "" {
			return "", false
		}
	}
	digits = strings.TrimLeft(strings.ReplaceAll(digits, "_", ""), "0")
	if digits == "" {
		return "0", true
	}
	return sign + digits, true
}

func toFloat(v any) (json.Number, error) {
	text := ""
	switch v := v.(type) {
	case string:
		text = strings.TrimSpace(v)
	case json.Number:
		text = v.String()
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) || strings.ContainsAny(text, "xX") {
		return "", wrongType(v, "a float")
	}
	return json.Number(strconv.FormatFloat(f, 'g', -1, 64)), nil
}

func toList(o Option, v any) ([]any, error) {
	var items []any
	switch v := v.(type) {
	case []any:
		items = v
	case string:
		for part := range strings.SplitSeq(v, ",") {
			if v != "" {
				items = append(items, part)
			}
		}
	case json.Number, bool:
		text, _ := toText(v) // both have one
		items = []any{text}
	default:
		return nil, wrongType(v, "a list")
	}
	return convertItems(o, items)
}

// itemError is a list's item of the wrong type.
type itemError struct {
	item any
	err  error
}

func (e itemError) Error() string { return e.err.Error() }

func convertItems(o Option, items []any) ([]any, error) {
	converted := make([]any, len(items))
	for i, item := range items {
		c, err := convert(o.item(), item)
		if err != nil {
			return nil, itemError{item, err}
		}
		converted[i] = c
	}
	return converted, nil
}

var errNoDict = errors.New("dictionary requested, could not parse JSON or key=value")

func toDict(v any) (map[string]any, error) {
	switch v := v.(type) {
	case map[string]any:
		return v, nil
	case string:
		if strings.HasPrefix(strings.TrimSpace(v), "{") {
			dict, err := object(strings.NewReader(v))
			if err != nil {
				return nil, errNoDict
			}
			return dict, nil
		}
		return pairs(v)
	}
	return nil, wrongType(v, "a dict")
}
