package update

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

// maxName is the longest name in text, without the dot at the end.
const maxName = 253

// FullName is the name of a host in a zone, in lower case and without a dot at the end. A host with a dot at its end, or
// that ends with the zone, is a full name already; it must be below the zone. Labels are of letters, digits and hyphens.
func FullName(host, zone string) (string, error) {
	zone, err := CheckName(strings.TrimSuffix(zone, "."))
	if err != nil {
		return "", fmt.Errorf("zone: %w", err)
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return "", fmt.Errorf("%s is an address, not a name", host)
	}
	full := strings.TrimSuffix(host, ".")
	if full == host && !strings.HasSuffix(strings.ToLower(host), "."+zone) {
		full += "." + zone
	}
	if full, err = CheckName(full); err != nil {
		return "", err
	}
	if !strings.HasSuffix(full, "."+zone) {
		return "", fmt.Errorf("%s is not below %s", full, zone)
	}
	return full, nil
}

// CheckName is a full name in lower case, if every label is of letters, digits and hyphens.
func CheckName(name string) (string, error) {
	if len(name) > maxName {
		return "", fmt.Errorf("the name %q is longer than %d characters", name[:32]+"…", maxName)
	}
	for label := range strings.SplitSeq(name, ".") {
		if why := wrongLabel(label); why != "" {
			return "", fmt.Errorf("the name %q: a label %s", name, why)
		}
	}
	return strings.ToLower(name), nil
}

func wrongLabel(label string) string {
	switch {
	case label == "":
		return "is empty"
	case len(label) > 63:
		return "is longer than 63 characters"
	case label[0] == '-' || label[len(label)-1] == '-':
		return "begins or ends with a hyphen"
	}
	for _, r := range label {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' {
			return fmt.Sprintf("has the character %q; there may be letters, digits and hyphens", r)
		}
	}
	return ""
}

// reverseName is where the PTR record of an address is, with a dot at the end.
func reverseName(a netip.Addr) string {
	name, err := dns.ReverseAddr(a.String())
	if err != nil {
		panic("an address that is none: " + a.String())
	}
	return name
}

// usable says what is wrong with an address as that of a host, or "".
func usable(a netip.Addr) string {
	switch {
	case !a.IsValid():
		return "it is no address"
	case a.Zone() != "":
		return "it has a zone"
	case a.Is4In6():
		return "it is an IPv4 address in IPv6's form"
	case a.IsUnspecified() || a.IsMulticast():
		return "it is no host's"
	}
	return ""
}

func bare(name string) string { return strings.TrimSuffix(name, ".") }
