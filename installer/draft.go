package installer

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"

	"gopkg.in/yaml.v3"

	"debvisor/config"
)

// Draft is answers as YAML, in the order of the format and without what was left out. It is what the questions lead to
// and what ParseNode then checks.
func Draft(n *config.Node) (string, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	doc, err := node(reflect.ValueOf(*n))
	if err != nil {
		return "", err
	}
	if err := enc.Encode(doc); err != nil {
		return "", fmt.Errorf("write the answers: %w", err)
	}
	return b.String(), enc.Close()
}

// node is a value without its zero parts.
func node(v reflect.Value) (*yaml.Node, error) {
	switch v.Kind() {
	case reflect.Struct:
		return mapping(v)
	case reflect.Slice:
		list := &yaml.Node{Kind: yaml.SequenceNode}
		for i := range v.Len() {
			item, err := node(v.Index(i))
			if err != nil {
				return nil, err
			}
			list.Content = append(list.Content, item)
		}
		return list, nil
	default:
		n := &yaml.Node{}
		return n, n.Encode(v.Interface())
	}
}

func mapping(v reflect.Value) (*yaml.Node, error) {
	m := &yaml.Node{Kind: yaml.MappingNode}
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			continue
		}
		key, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		value, err := node(v.Field(i))
		if err != nil {
			return nil, err
		}
		m.Content = append(m.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, value)
	}
	return m, nil
}
