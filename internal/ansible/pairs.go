package ansible

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/user"
	"strings"
)

// object reads one JSON object and nothing else; numbers stay as they are written.
func object(r io.Reader) (map[string]any, error) {
	dec := json.NewDecoder(r)
	dec.UseNumber()
	var v map[string]any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is something behind the object")
	}
	if v == nil {
		return nil, errors.New("null is no object")
	}
	return v, nil
}

// pairs reads a=1,b="x y" as AnsibleModule does: separated by commas or spaces, quotes group, a backslash takes the next
// character as it is.
func pairs(text string) (map[string]any, error) {
	dict := map[string]any{}
	for _, field := range fields(strings.TrimSpace(text)) {
		key, value, ok := strings.Cut(field, "=")
		if !ok {
			return nil, errNoDict
		}
		dict[key] = value
	}
	if len(dict) == 0 {
		return nil, errNoDict
	}
	return dict, nil
}

func fields(text string) []string {
	var all []string
	var field strings.Builder
	var quote rune
	escaped := false
	for _, c := range text {
		switch {
		case escaped:
			field.WriteRune(c)
			escaped = false
		case c == '\\':
			escaped = true
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
		case quote == c:
			quote = 0
		case quote == 0 && (c == ',' || c == ' '):
			all = append(all, field.String())
			field.Reset()
		default:
			field.WriteRune(c)
		}
	}
	return nonEmpty(append(all, field.String()))
}

func nonEmpty(all []string) []string {
	kept := all[:0]
	for _, s := range all {
		if s != "" {
			kept = append(kept, s)
		}
	}
	return kept
}

// expand replaces $VAR and ${VAR} that are set, then a leading ~ or ~user.
func expand(path string) string {
	path = expandVariables(path)
	if !strings.HasPrefix(path, "~") {
		return path
	}
	name, rest, _ := strings.Cut(path[1:], "/")
	home := homeOf(name)
	if home == "" {
		return path
	}
	if rest != "" || strings.HasSuffix(path, "/") {
		return strings.TrimSuffix(home, "/") + "/" + rest
	}
	return home
}

// expandVariables leaves alone what is no variable, unlike os.Expand.
func expandVariables(s string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, "$")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		whole, name := variable(after)
		if value, set := os.LookupEnv(name); set && name != "" {
			b.WriteString(value)
		} else {
			b.WriteString("$" + whole)
		}
		s = after[len(whole):]
	}
}

// variable is what belongs to a variable behind its dollar sign, and the variable's name.
func variable(s string) (whole, name string) {
	if inner, ok := strings.CutPrefix(s, "{"); ok {
		if end := strings.IndexByte(inner, '}'); end >= 0 {
			return s[:end+2], inner[:end]
		}
		return "", ""
	}
	end := 0
	for end < len(s) && (s[end] == '_' || '0' <= s[end] && s[end] <= '9' || 'a' <= s[end]|0x20 && s[end]|0x20 <= 'z') {
		end++
	}
	return s[:end], s[:end]
}

func homeOf(name string) string {
	if name == "" {
		if home, set := os.LookupEnv("HOME"); set {
			return home
		}
		if u, err := user.Current(); err == nil {
			return u.HomeDir
		}
		return ""
	}
	if u, err := user.Lookup(name); err == nil {
		return u.HomeDir
	}
	return ""
}
