package ansible

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// encode writes a result as one line of JSON in ASCII, which survives every terminal, locale and core.
func encode(result map[string]any) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(result); err != nil {
		return "", err
	}
	return ascii(bytes.TrimSpace(b.Bytes())), nil
}

// ascii writes other letters as JSON escapes.
func ascii(text []byte) string {
	var b strings.Builder
	for _, r := range string(text) {
		switch high, low := utf16.EncodeRune(r); {
		case r < utf8.RuneSelf:
			b.WriteRune(r)
		case high != utf8.RuneError:
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// plain is a value as JSON decodes it: maps, lists, text and numbers, valid and finite.
func plain(v any) (any, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var decoded any
	err = dec.Decode(&decoded)
	return decoded, err
}

// print writes the result. The line before it ends what something else may have begun on the same terminal.
func print(w io.Writer, result map[string]any) error {
	line, err := encode(result)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "\n%s\n", line)
	return err
}
