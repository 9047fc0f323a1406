package guests

import (
	"fmt"
	"slices"
	"strings"

	"debvisor/internal/pattern"
)

var labelFormat = pattern.Lazy(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

var serverFormat = pattern.Lazy(`^ns(-.*|[0-9]+)?$`)

// reserved are labels that mean a service or a place and no guest, besides those of name servers.
var reserved = []string{"localhost", "localdomain", "local", "broadcasthost", "vip", "wpad", "isatap", "gateway", "any", "all"}

// Label is the name of a guest as a label of the DNS, in lower case; the error says why it cannot be one.
func Label(name string) (string, error) {
	label := strings.ToLower(name)
	switch {
	case !labelFormat().MatchString(label):
		return "", fmt.Errorf("%q is no name for the DNS: it has up to 63 letters, digits and hyphens, none of these at its ends", clip(name))
	case serverFormat().MatchString(label) || slices.Contains(reserved, label):
		return "", fmt.Errorf("%q is reserved: ns and ns1 are name servers, and %s mean something else", label, strings.Join(reserved, ", "))
	}
	return label, nil
}

// clip keeps what a hostile name can put into a log small.
func clip(s string) string {
	if r := []rune(s); len(r) > 80 {
		return string(r[:80]) + "…"
	}
	return s
}
