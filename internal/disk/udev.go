package disk

import (
	"slices"
	"strconv"
	"strings"

	"debvisor/internal/pattern"
)

// udevEntry is what udev knows about one device: its links below /dev and its properties.
type udevEntry struct {
	names      []string
	properties map[string]string
}

// udev reads the entry of a block device; without udev it is empty.
func (g *graph) udev(number string) (udevEntry, error) {
	s, err := g.text("/run/udev/data/b" + number)
	return parseUdev(s), err
}

// parseUdev reads udev's database format: a letter, a colon, a value. Letters it does not know are skipped.
func parseUdev(s string) udevEntry {
	u := udevEntry{properties: map[string]string{}}
	for line := range strings.Lines(s) {
		line = strings.TrimRight(line, "\n")
		if link, ok := strings.CutPrefix(line, "S:"); ok {
			u.names = append(u.names, link)
		}
		if rest, ok := strings.CutPrefix(line, "E:"); ok {
			key, value, _ := strings.Cut(rest, "=")
			u.properties[key] = value
		}
	}
	return u
}

// links are the names in one folder below /dev, sorted, without the folder.
func (u udevEntry) links(folder string) []string {
	var found []string
	for _, name := range u.names {
		if rest, ok := strings.CutPrefix(name, folder); ok {
			found = append(found, rest)
		}
	}
	slices.Sort(found)
	return found
}

// property decodes udev's \x20 for names that end in _ENC and drops what a terminal cannot show.
func (u udevEntry) property(name string) string {
	s := u.properties[name]
	if strings.HasSuffix(name, "_ENC") {
		s = decodeUdev(s)
	}
	return clean(s)
}

var udevEscape = pattern.Lazy(`\\x[0-9a-fA-F]{2}`)

func decodeUdev(s string) string {
	return udevEscape().ReplaceAllStringFunc(s, func(e string) string {
		n, err := strconv.ParseUint(e[2:], 16, 8)
		if err != nil {
			return e
		}
		return string([]byte{byte(n)})
	})
}
