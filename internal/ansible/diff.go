package ansible

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"debvisor/internal/host"
)

// What is shown of changes. The controller compares texts in Python, in a time that grows with the square of the lines.
const (
	diffLimit  = 100       // changes
	totalLimit = 1 << 20   // bytes of all diffs
	lineLimit  = 400       // lines of one side, when it has to be shortened
	widthLimit = 1000      // bytes of a line then
	sideLimit  = 128 << 10 // bytes of a side that is shown as it is
	sideLines  = 2000      // lines of a side that is shown as it is
	around     = 3         // lines that stay the same before and behind what changes
)

// diffOf is what Ansible shows with --diff, without secrets.
func diffOf(changes []host.Change, s scrubber) []any {
	var all []any
	total := 0
	for i, c := range changes {
		d := diff(c, s)
		for _, text := range d {
			total += len(text)
		}
		if i > 0 && (i == diffLimit || total > totalLimit) {
			return append(all, prepared(fmt.Sprintf("and %d more changes", len(changes)-i)))
		}
		all = append(all, d)
	}
	return all
}

func diff(c host.Change, s scrubber) map[string]string {
	switch c := c.(type) {
	case host.Write:
		switch {
		case c.Secret:
			return prepared(s.text(c.String()) + ": the contents are secret")
		case isBinary(c.Before) || isBinary(c.After):
			return prepared(s.text(c.String()) + ": the contents are not text")
		}
		return sides(c.Before, c.After, c.Path, s)
	case host.Call:
		if c.Before != "" || c.After != "" {
			return sides(c.Before, c.After, c.Why, s)
		}
	}
	return prepared(s.text(c.String()))
}

func isBinary(text string) bool { return strings.ContainsRune(text, 0) || !utf8.ValidString(text) }

// prepared is a diff of one line.
func prepared(line string) map[string]string { return map[string]string{"prepared": line + "\n"} }

// sides is a diff of two texts. Where a secret comes into a text, another may have stood in it before, which nobody knows
// of; then neither is shown.
func sides(before, after, header string, s scrubber) map[string]string {
	header = s.text(header)
	if before != "" && s.text(after) != after {
		return prepared(header + ": the contents are secret")
	}
	before, after = s.text(before), s.text(after) // before anything is cut in two
	if tooLong(before) || tooLong(after) {
		before, after = shorten(before, after)
	}
	return map[string]string{"before": before, "after": after, "before_header": header, "after_header": header}
}

func tooLong(side string) bool { return len(side) > sideLimit || strings.Count(side, "\n") > sideLines }

// shorten leaves out what is the same at both ends, then what is too much.
func shorten(before, after string) (string, string) {
	old, now := strings.SplitAfter(before, "\n"), strings.SplitAfter(after, "\n")
	start := 0
	for start < min(len(old), len(now)) && old[start] == now[start] {
		start++
	}
	end := 0
	for end < min(len(old), len(now))-start && old[len(old)-1-end] == now[len(now)-1-end] {
		end++
	}
	start, end = max(0, start-around), max(0, end-around)
	return bounded(old[start : len(old)-end]), bounded(now[start : len(now)-end])
}

func bounded(lines []string) string {
	var b strings.Builder
	for i, line := range lines {
		if i == lineLimit {
			fmt.Fprintf(&b, "… %d more lines\n", len(lines)-i)
			break
		}
		if len(line) > widthLimit {
			line = strings.ToValidUTF8(line[:widthLimit], "") + "…\n"
		}
		b.WriteString(line)
	}
	return b.String()
}
