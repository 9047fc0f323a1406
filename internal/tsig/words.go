package tsig

import "strings"

// words cuts BIND's configuration language into words: braces and semicolons, quoted text with its quotes, and the rest.
type words struct {
	text string
	line int // of the word that was read last
}

// next is the next word, or "" at the end; wrong is what is wrong with the text, or "".
func (w *words) next() (word, wrong string) {
	if wrong = w.skip(); wrong != "" || w.text == "" {
		return "", wrong
	}
	switch c := w.text[0]; {
	case strings.IndexByte("{};", c) >= 0:
		return w.take(1), ""
	case c == '"':
		end := strings.IndexAny(w.text[1:], "\"\n\\")
		if end < 0 || w.text[1+end] != '"' {
			return "", "a quoted text does not end in its line, or has a backslash"
		}
		return w.take(end + 2), ""
	}
	end := strings.IndexAny(w.text, " \t\r\n{};\"")
	if end < 0 {
		end = len(w.text)
	}
	return w.take(end), ""
}

func (w *words) take(n int) string {
	taken := w.text[:n]
	w.text = w.text[n:]
	w.line += strings.Count(taken, "\n")
	return taken
}

// skip passes over space and comments of the three kinds.
func (w *words) skip() (wrong string) {
	for {
		w.take(len(w.text) - len(strings.TrimLeft(w.text, " \t\r\n")))
		switch {
		case strings.HasPrefix(w.text, "#"), strings.HasPrefix(w.text, "//"):
			w.takeThrough("\n")
		case strings.HasPrefix(w.text, "/*"):
			if !strings.Contains(w.text[2:], "*/") {
				return "a comment does not end"
			}
			w.take(2)
			w.takeThrough("*/")
		default:
			return ""
		}
	}
}

// takeThrough takes all up to and with end, or everything where there is none.
func (w *words) takeThrough(end string) {
	n := strings.Index(w.text, end)
	if n < 0 {
		n = len(w.text) - len(end)
	}
	w.take(n + len(end))
}
