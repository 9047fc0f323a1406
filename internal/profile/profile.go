// Package profile reads /etc/debvisor-profile, the one line that says which storage profile a machine has, and plans the
// summary of it below /var/log/debvisor. The file is parsed, never executed. What a profile does to disks is not here.
package profile

import (
	"fmt"
	"slices"
	"strings"
)

// Path is where the profile is kept.
const Path = "/etc/debvisor-profile"

// Names are the profiles there are.
var Names = []string{"usb-zfs", "zfs", "ceph", "mixed"}

// Parse reads the forms that people write: zfs, PROFILE=zfs, export PROFILE="zfs", with comments, blank lines, a byte
// order mark and DOS line ends. Nothing, an unknown name, anything else, or two different profiles are errors.
func Parse(text string) (string, error) {
	found := ""
	number := 0
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		number++
		name, err := parseLine(line)
		if err != nil {
			return "", fmt.Errorf("%s:%d: %w", Path, number, err)
		}
		if name == "" {
			continue
		}
		if found != "" && found != name {
			return "", fmt.Errorf("%s:%d: names %s, an earlier line names %s", Path, number, name, found)
		}
		found = name
	}
	if found == "" {
		return "", fmt.Errorf("%s: names no profile; write one of: %s", Path, strings.Join(Names, ", "))
	}
	return found, nil
}

// parseLine returns "" for a line without a profile.
func parseLine(line string) (string, error) {
	line = strings.TrimSpace(withoutComment(line))
	if line == "" {
		return "", nil
	}
	value := line
	if f := strings.Fields(line); f[0] == "export" {
		line = strings.TrimSpace(strings.TrimPrefix(line, "export"))
	}
	if key, v, ok := strings.Cut(line, "="); ok {
		if key != "PROFILE" {
			return "", fmt.Errorf("%q is not PROFILE=name", line)
		}
		value = v
	}
	name := unquote(value)
	if !slices.Contains(Names, name) {
		return "", fmt.Errorf("%q is not a profile; write one of: %s", name, strings.Join(Names, ", "))
	}
	return name, nil
}

// withoutComment cuts a comment as a shell would: # at the start or after a space.
func withoutComment(line string) string {
	if strings.HasPrefix(line, "#") {
		return ""
	}
	if i := strings.IndexAny(line, "#"); i > 0 && (line[i-1] == ' ' || line[i-1] == '\t') {
		return line[:i]
	}
	return line
}

func unquote(s string) string {
	for _, q := range []string{`"`, `'`} {
		if len(s) >= 2 && strings.HasPrefix(s, q) && strings.HasSuffix(s, q) {
			return s[1 : len(s)-1]
		}
	}
	return s
}
