package report

import (
	"encoding"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"debvisor/internal/pattern"
)

// Decode reads one YAML document (JSON is one too) into the struct that into points to. Unknown and repeated keys, values
// of the wrong type, anchors and further documents are findings. Fields are named by their yaml tag. into holds what
// could be read even when there are findings.
func Decode(file string, data []byte, into any) *Report {
	r := &Report{file: file, places: map[string]place{}}
	dec := yaml.NewDecoder(strings.NewReader(string(data)))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); err != nil {
		r.syntax(err)
		return r
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		r.places[""] = place{more.Line, max(1, more.Column)}
		r.Add("", "keep one document, without ---", "more than one document")
	}
	r.value(doc.Content[0], reflect.ValueOf(into).Elem(), "")
	return r
}

var yamlLine = pattern.Lazy(`^yaml: (?:line (\d+): )?`)

// syntax turns the parser's error, which has a line at best, into a finding.
func (r *Report) syntax(err error) {
	at := place{1, 1}
	if m := yamlLine().FindStringSubmatch(err.Error()); m != nil && m[1] != "" {
		fmt.Sscan(m[1], &at.line)
	}
	r.places[""] = at
	message := yamlLine().ReplaceAllString(err.Error(), "")
	if message == "EOF" {
		message = "the file is empty"
	}
	r.Add("", "", "%s", message)
}

func (r *Report) value(n *yaml.Node, v reflect.Value, path string) {
	if n.Tag == "!!null" {
		return // as if it were not there
	}
	r.places[path] = place{n.Line, n.Column}
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		r.Add(path, "write the value out", "anchors and aliases are not supported")
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		r.value(n, v.Elem(), path)
	case decodesItself(v):
		r.leaf(n, v, path)
	case v.Kind() == reflect.Struct:
		r.mapping(n, v, path)
	case v.Kind() == reflect.Map:
		r.dictionary(n, v, path)
	case v.Kind() == reflect.Slice:
		r.sequence(n, v, path)
	default:
		r.leaf(n, v, path)
	}
}

// Shorthand is a struct that may also be written as a plain scalar: "dhcp" for {method: dhcp}.
type Shorthand interface{ FromScalar(text string) error }

func decodesItself(v reflect.Value) bool {
	_, ok := v.Addr().Interface().(encoding.TextUnmarshaler)
	return ok
}

func (r *Report) leaf(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.ScalarNode {
		r.Add(path, "", "must be %s, not %s", kindName(v), nodeName(n))
		return
	}
	if t, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if err := t.UnmarshalText([]byte(n.Value)); err != nil {
			r.Add(path, "", "%v", err)
		}
		return
	}
	if v.Kind() == reflect.String && n.Tag != "!!str" && n.Style == 0 && isAmbiguous(n) {
		r.Add(path, fmt.Sprintf("put quotes around it: %q", n.Value), "YAML reads this as %s, not as text", nodeName(n))
		return
	}
	if err := n.Decode(v.Addr().Interface()); err != nil {
		r.Add(path, "", "must be %s, not %q", kindName(v), n.Value)
	}
}

// isAmbiguous: a number or a date given for text is meant as it stands, but YAML would turn true and 1e3 into something else.
func isAmbiguous(n *yaml.Node) bool {
	return n.Tag == "!!bool" || n.Tag == "!!float"
}

func (r *Report) mapping(n *yaml.Node, v reflect.Value, path string) {
	if s, ok := v.Addr().Interface().(Shorthand); ok && n.Kind == yaml.ScalarNode {
		if err := s.FromScalar(n.Value); err != nil {
			r.Add(path, "", "%v", err)
		}
		return
	}
	fields := fieldsOf(v.Type())
	r.pairs(n, path, func(key, val *yaml.Node, sub string) {
		i, known := fields[key.Value]
		if !known {
			r.unknown(key, sub, fields)
			return
		}
		r.value(val, v.Field(i), sub)
	})
}

func (r *Report) dictionary(n *yaml.Node, v reflect.Value, path string) {
	v.Set(reflect.MakeMap(v.Type()))
	r.pairs(n, path, func(key, val *yaml.Node, sub string) {
		item := reflect.New(v.Type().Elem()).Elem()
		r.value(val, item, sub)
		v.SetMapIndex(reflect.ValueOf(key.Value).Convert(v.Type().Key()), item)
	})
}

// pairs calls each for the entries of a mapping and reports what is none, and repeated keys.
func (r *Report) pairs(n *yaml.Node, path string, each func(key, val *yaml.Node, sub string)) {
	if n.Kind != yaml.MappingNode {
		r.Add(path, "", "must be a mapping (key: value), not %s", nodeName(n))
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, val := n.Content[i], n.Content[i+1]
		sub := strings.TrimPrefix(path+"."+key.Value, ".")
		if seen[key.Value] {
			r.places[sub] = place{key.Line, key.Column}
			r.Add(sub, "", "key appears twice")
			continue
		}
		seen[key.Value] = true
		each(key, val, sub)
	}
}

func (r *Report) sequence(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.SequenceNode {
		r.Add(path, "", "must be a list, not %s", nodeName(n))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, item := range n.Content {
		r.value(item, v.Index(i), fmt.Sprintf("%s[%d]", path, i))
	}
}

func (r *Report) unknown(key *yaml.Node, sub string, fields map[string]int) {
	r.places[sub] = place{key.Line, key.Column}
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	hint := "known keys: " + strings.Join(names, ", ")
	if near := Nearest(key.Value, names); near != "" {
		hint = fmt.Sprintf("did you mean %s?", near)
	}
	r.Add(sub, hint, "unknown key")
}

// fieldsOf maps yaml names to field numbers.
func fieldsOf(t reflect.Type) map[string]int {
	fields := map[string]int{}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		if name != "" && name != "-" {
			fields[name] = i
		}
	}
	return fields
}

func kindName(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64, reflect.Uint16:
		return "a whole number"
	default:
		return "text"
	}
}

func nodeName(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Tag == "!!bool":
		return "true or false"
	case n.Tag == "!!float", n.Tag == "!!int":
		return "a number"
	default:
		return fmt.Sprintf("%q", n.Value)
	}
}

// Nearest is the candidate that was probably meant, or "": at most two letters differ, and about half of a short word.
func Nearest(word string, candidates []string) string {
	best, bestDistance := "", 3
	for _, c := range candidates {
		if d := distance(word, c); d < bestDistance && 2*d <= len(word)+1 {
			best, bestDistance = c, d
		}
	}
	return best
}

// distance is the Levenshtein distance.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
