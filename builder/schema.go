package builder

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"debvisor/config"
)

// schemaDialect is the edition of JSON Schema that Schema writes.
const schemaDialect = "https://json-schema.org/draft/2020-12/schema"

// object is a JSON object with its keys in order.
type object map[string]any

// values are those of a field that has few, by the path of the field in a document.
var values = map[string][]string{
	"storage.profile":     config.Profiles(),
	"addons[]":            config.Addons,
	"install.after":       {"reboot", "poweroff", "nothing"},
	"network.ipv4.method": {"dhcp", "static", "none"},
	"network.ipv6.method": {"auto", "dhcp", "static", "none"},
}

// Schema is a JSON Schema of answers files, for editors. What it accepts can still be wrong: only the check knows rules
// that join several keys.
func Schema() ([]byte, error) {
	s := describe(reflect.TypeFor[config.Node](), "")
	s["$schema"] = schemaDialect
	s["title"] = "DebVisor answers"
	s["required"] = []string{"version", "host", "users", "storage"}
	data, err := json.MarshalIndent(s, "", "  ")
	return append(data, '\n'), err
}

func describe(t reflect.Type, path string) object {
	switch t.Kind() {
	case reflect.Pointer:
		return describe(t.Elem(), path)
	case reflect.Struct:
		return describeStruct(t, path)
	case reflect.Slice:
		return object{"type": "array", "items": describe(t.Elem(), path+"[]")}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int:
		return object{"type": "integer"}
	default:
		return describeString(path)
	}
}

func describeString(path string) object {
	s := object{"type": "string"}
	if of, few := values[path]; few {
		s["enum"] = of
	}
	return s
}

func describeStruct(t reflect.Type, path string) object {
	properties := object{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		p := describe(f.Type, strings.TrimPrefix(path+"."+name, "."))
		p["description"] = f.Tag.Get("doc")
		properties[name] = p
	}
	s := object{"type": "object", "properties": properties, "additionalProperties": false}
	if t == reflect.TypeFor[config.Address]() {
		return orMethod(s, path)
	}
	return s
}

// orMethod: an address may also be written as its method alone.
func orMethod(s object, path string) object {
	short := slices.DeleteFunc(slices.Clone(values[path+".method"]), func(m string) bool { return m == "static" })
	return object{"anyOf": []object{{"type": "string", "enum": short}, s}}
}
