package hostname

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"debvisor/internal/host"
)

// Parse is a full host name in lower case and without a dot at the end. It has two labels or more, of letters, digits and
// hyphens, so it can be part of a file's name and a line of hosts. What reads as an address, or is every machine's own name,
// is none.
func Parse(name string) (string, error) {
	clean := strings.ToLower(strings.TrimSuffix(name, "."))
	if len(clean) > 253 {
		return "", fmt.Errorf("a host name has 253 characters at most, not %d", len(clean))
	}
	labels := strings.Split(clean, ".")
	for _, l := range labels {
		if !isLabel(l) {
			return "", fmt.Errorf("%q is not a host name", name)
		}
	}
	switch {
	case len(labels) < 2:
		return "", fmt.Errorf("%q is not a full host name", name)
	case labels[0] == "localhost" || labels[len(labels)-1] == "localhost":
		return "", fmt.Errorf("%q is every machine's own name", name)
	case strings.Trim(labels[len(labels)-1], "0123456789") == "":
		return "", fmt.Errorf("%q is not a host name: it ends in a number", name)
	}
	return clean, nil
}

func isLabel(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// localName is the name that the machine has by its own files: /etc/hostname, which may be a full name, completed by
// /etc/hosts, or else by the zone.
func localName(h *host.Host, zone string) (string, error) {
	data, err := h.ReadFile("/etc/hostname")
	if err != nil {
		return "", err
	}
	first, _, _ := strings.Cut(string(data), "\n")
	own := strings.ToLower(strings.TrimSpace(first))
	if !strings.Contains(own, ".") {
		hosts, err := h.ReadFile("/etc/hosts")
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		own = complete(own, string(hosts), zone)
	}
	if own, err = Parse(own); err != nil {
		return "", fmt.Errorf("/etc/hostname: %w", err)
	}
	return own, nil
}

// complete is the full name of short in a file of hosts. The line of 127.0.1.1 is where Debian has the machine's own.
func complete(short, hosts, zone string) string {
	full := short + "." + zone
	for line := range strings.Lines(hosts) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		for i, name := range fields {
			if i == 0 || !strings.HasPrefix(strings.ToLower(name), short+".") {
				continue
			}
			if full = name; fields[0] == "127.0.1.1" {
				return full
			}
		}
	}
	return full
}
