package named

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"debvisor/internal/host"
)

// view is a machine on which some files have another content than on the disk.
type view struct {
	host  *host.Host
	files []host.File
}

func (v view) read(path string) ([]byte, error) {
	if i := slices.IndexFunc(v.files, func(f host.File) bool { return f.Path == path }); i >= 0 {
		return []byte(v.files[i].Content), nil
	}
	return v.host.ReadFile(path)
}

func (v view) roles() (map[string]Role, error) {
	data, err := v.read(rolesPath)
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]Role{}, nil
	}
	if err != nil {
		return nil, err
	}
	return parseRoles(data)
}

// text is a configuration as one text, and where each of its lines comes from.
type text struct {
	lines []string
	from  []string // "/etc/bind/named.conf:3"
}

var includeLine = regexp.MustCompile(`^[ \t]*include[ \t]+"([^"]+)"[ \t]*;[ \t]*$`)

// mostLevels is far deeper than anybody lets files include each other.
const mostLevels = 16

// inlined adds a file, with the files in the place of the lines that include them. A path below /etc/bind may be relative.
func (v view) inlined(t *text, path string, level int) error {
	if level > mostLevels {
		return fmt.Errorf("%s: the files include each other without an end", path)
	}
	data, err := v.read(path)
	if err != nil {
		return err
	}
	number := 0
	for line := range strings.SplitSeq(strings.TrimSuffix(string(data), "\n"), "\n") {
		number++
		if m := includeLine.FindStringSubmatch(line); m != nil && strings.HasPrefix(m[1], "/") {
			if err := v.inlined(t, m[1], level+1); err != nil {
				return fmt.Errorf("%s:%d: %w", path, number, err)
			}
			continue
		}
		t.lines = append(t.lines, secret.ReplaceAllString(line, noSecret))
		t.from = append(t.from, fmt.Sprintf("%s:%d", path, number))
	}
	return nil
}

// A check needs no secrets: what it prints of a text that is wrong could hold one.
var secret = regexp.MustCompile(`\bsecret[ \t]+(?:"[^"]*"|[^ \t;"]+)`)

const noSecret = `secret "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="`

var checkedLine = regexp.MustCompile(`/dev/stdin:(\d+)`)

// located gives what a check says of its input the names and lines of the files.
func (t text) located(said string) string {
	return checkedLine.ReplaceAllStringFunc(said, func(s string) string {
		n, err := strconv.Atoi(strings.TrimPrefix(s, "/dev/stdin:"))
		if err != nil || n < 1 || n > len(t.from) {
			return s
		}
		return t.from[n-1]
	})
}
