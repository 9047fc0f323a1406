package netcfg

import "strings"

// Hostname is what /etc/hostname holds for a full name: its first part.
func Hostname(fqdn string) string {
	short, _, _ := strings.Cut(fqdn, ".")
	return short
}

// Hosts is /etc/hosts with the machine's own name in it. The lines of others stay; old may be empty.
func Hosts(old, fqdn string) string {
	own := "127.0.1.1\t" + fqdn + "\t" + Hostname(fqdn) + "\n"
	if old == "" {
		return "127.0.0.1\tlocalhost\n" + own + "\n::1\tlocalhost ip6-localhost ip6-loopback\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n"
	}
	var b strings.Builder
	for line := range strings.Lines(old) {
		if f := strings.Fields(line); len(f) > 0 && f[0] == "127.0.1.1" {
			continue
		}
		b.WriteString(line)
	}
	text := strings.TrimSuffix(b.String(), "\n") + "\n"
	if at := endOfLine(text, "127.0.0.1"); at > 0 {
		return text[:at] + own + text[at:]
	}
	return own + text
}

// endOfLine is where the line of an address ends, or 0.
func endOfLine(text, address string) int {
	at := 0
	for line := range strings.Lines(text) {
		at += len(line)
		if f := strings.Fields(line); len(f) > 0 && f[0] == address {
			return at
		}
	}
	return 0
}
