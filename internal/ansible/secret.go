package ansible

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

const (
	mask = "********"
	// maskedParameter is what Ansible shows for a parameter with no_log.
	maskedParameter = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"
	// leastLine: a line of a secret of several lines that is shorter tells nothing, and would mask half of the output.
	leastLine = 8
)

// scrubber replaces secrets in what is returned. AnsibleModule replaces the values themselves; here their other spellings
// go too: quoted, as JSON, and each line of those with several.
type scrubber []string

func newScrubber(secrets []string) scrubber {
	var s scrubber
	for _, secret := range secrets {
		s = append(s, spellings(secret)...)
		if trimmed := strings.TrimSpace(secret); strings.Contains(trimmed, "\n") {
			for line := range strings.Lines(trimmed) {
				if line = strings.TrimSpace(line); len(line) >= leastLine {
					s = append(s, spellings(line)...)
				}
			}
		}
	}
	slices.Sort(s)
	return slices.Compact(s)
}

// spellings are the ways in which a text may stand in another: as it is, without space around it, in a quoted string of
// Go's and in one of JSON's, with and without letters that are not ASCII.
func spellings(secret string) []string {
	trimmed := strings.TrimSpace(secret)
	if trimmed == "" {
		return nil
	}
	html, err := json.Marshal(trimmed)
	if err != nil {
		html = []byte(`""`) // it cannot be in any JSON then
	}
	bare := string(html)
	for from, to := range map[string]string{`\u003c`: "<", `\u003e`: ">", `\u0026`: "&"} {
		bare = strings.ReplaceAll(bare, from, to)
	}
	all := []string{trimmed, strings.ToValidUTF8(trimmed, "\uFFFD"), inner(strconv.Quote(trimmed)), inner(strconv.QuoteToASCII(trimmed)),
		inner(string(html)), inner(bare), inner(ascii(html)), inner(ascii([]byte(bare)))}
	return slices.DeleteFunc(all, func(s string) bool { return s == "" })
}

func inner(quoted string) string { return quoted[1 : len(quoted)-1] }

// text replaces all secrets, also where they overlap.
func (s scrubber) text(in string) string {
	var covered []span
	for _, secret := range s {
		for from := 0; ; from++ {
			i := strings.Index(in[from:], secret)
			if i < 0 {
				break
			}
			from += i
			covered = append(covered, span{from, from + len(secret)})
		}
	}
	if covered == nil {
		return in
	}
	var b strings.Builder
	last := 0
	for _, c := range merged(covered) {
		b.WriteString(in[last:c.from] + mask)
		last = c.to
	}
	return b.String() + in[last:]
}

type span struct{ from, to int }

// merged joins what overlaps or touches.
func merged(spans []span) []span {
	slices.SortFunc(spans, func(a, b span) int { return a.from - b.from })
	all := spans[:1]
	for _, s := range spans[1:] {
		if last := &all[len(all)-1]; s.from <= last.to {
			last.to = max(last.to, s.to)
		} else {
			all = append(all, s)
		}
	}
	return all
}

// value replaces secrets in a decoded JSON value, keys included. A number that holds one becomes text.
func (s scrubber) value(v any) any {
	switch v := v.(type) {
	case string:
		return s.text(v)
	case json.Number:
		if scrubbed := s.text(v.String()); scrubbed != v.String() {
			return mask
		}
	case []any:
		for i := range v {
			v[i] = s.value(v[i])
		}
	case map[string]any:
		clean := make(map[string]any, len(v))
		for key, value := range v {
			clean[s.text(key)] = s.value(value)
		}
		return clean
	}
	return v
}

// secretsIn are the values of all options with no_log, also of those that are wrong otherwise.
func secretsIn(options []Option, arguments map[string]any) []string {
	var all []string
	for _, o := range options {
		if o.NoLog {
			all = append(all, leaves(o.Default)...)
		}
		for _, name := range o.names() {
			v := arguments[name]
			if o.NoLog {
				all = append(all, leaves(v)...)
				if converted, err := convert(o, v); err == nil && v != nil {
					all = append(all, leaves(converted)...)
				}
				continue
			}
			all = append(all, secretsInside(o, v)...)
		}
	}
	return all
}

func secretsInside(o Option, v any) []string {
	if o.Options == nil || v == nil {
		return nil
	}
	converted, err := convert(o, v)
	if list, ok := v.([]any); err != nil && ok {
		converted = list // another item is wrong; this one may hold a secret all the same
	}
	switch v := converted.(type) {
	case map[string]any:
		return secretsIn(o.Options, v)
	case []any:
		var all []string
		for _, item := range v {
			if dict, err := toDict(item); err == nil {
				all = append(all, secretsIn(o.Options, dict)...)
			}
		}
		return all
	}
	return nil
}

// leaves are the texts and numbers in a value.
func leaves(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case json.Number:
		return []string{v.String()}
	case []any:
		var all []string
		for _, item := range v {
			all = append(all, leaves(item)...)
		}
		return all
	case map[string]any:
		var all []string
		for _, item := range v {
			all = append(all, leaves(item)...)
		}
		return all
	}
	return nil
}

// visible is a task's arguments with secrets masked; what the module does not know may be a misspelt secret and is left
// out.
func visible(options []Option, values map[string]any, masked string) map[string]any {
	shown := map[string]any{}
	for _, o := range options {
		v := values[o.Name]
		if o.NoLog && v != nil {
			shown[o.Name] = masked
			continue
		}
		shown[o.Name] = visibleInside(o, v, masked)
	}
	return shown
}

func visibleInside(o Option, v any, masked string) any {
	if o.Options == nil {
		return v
	}
	switch v := v.(type) {
	case map[string]any:
		return visible(o.Options, v, masked)
	case []any:
		items := make([]any, len(v))
		for i, item := range v {
			items[i] = visibleInside(o, item, masked)
		}
		return items
	}
	return nil // wrong, so nobody knows what is in it
}
