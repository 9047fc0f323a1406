package addrset

import (
	"errors"
	"fmt"
	"math/bits"
	"net/netip"
	"strconv"
	"strings"
)

// parseLength reads a prefix length.
func parseLength(text string, most int) (int, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	switch {
	case err != nil && !errors.Is(err, strconv.ErrRange):
		return 0, errors.New(wrongLength(text, most))
	case err != nil || n > uint64(most):
		return 0, fmt.Errorf("the prefix length is more than %d: write one from 0 to %d", most, most)
	case strconv.FormatUint(n, 10) != text:
		return 0, fmt.Errorf("the prefix length begins with 0: write /%d", n)
	}
	return int(n), nil
}

// wrongLength says why text is no number. A mask in dotted form is common.
func wrongLength(text string, most int) string {
	if a, err := netip.ParseAddr(text); err == nil && a.Is4() {
		if mask := value4(a); bits.OnesCount32(mask) == bits.LeadingZeros32(^mask) {
			return fmt.Sprintf("a mask instead of a prefix length: write /%d", bits.OnesCount32(mask))
		}
		return "a mask with holes is no network: write the networks it stands for"
	}
	if strings.ContainsAny(text, " \t\r\v\f,") {
		return several
	}
	return fmt.Sprintf("the prefix length is no number: write one from 0 to %d", most)
}

const several = "more than an entry: write one entry a line, and # before a comment"

// wrongAddress says why text is no address, or none that can be taken, and what to write instead.
func wrongAddress(text string) string {
	addr, _, zoned := strings.Cut(text, "%")
	switch {
	case text == "":
		return "an address is missing: write it before and behind the sign"
	case strings.Contains(text, "\x00"):
		return "a zero byte: save the list as plain text in UTF-8"
	case strings.ContainsAny(text, " \t\r\v\f,"):
		return several
	case zoned && isAddr(addr):
		return "a zone makes it an address of one link only: write " + addr
	case only09(text, "."):
		return wrongNumbers(text)
	case strings.Contains(text, ":"):
		return wrongColons(text)
	case onlyName(text) && !only09(text, ".-_"):
		return "a host name is not looked up: write its addresses"
	}
	return "no IP address: write an address, a network such as 192.0.2.0/24 or a range such as 192.0.2.1-192.0.2.9"
}

func isAddr(text string) bool {
	_, err := netip.ParseAddr(text)
	return err == nil
}

// only09 says whether text is made of decimal digits and of what is in others.
func only09(text, others string) bool { return strings.Trim(text, "0123456789"+others) == "" }

func onlyName(text string) bool {
	return strings.TrimFunc(text, func(c rune) bool {
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '-' || c == '_'
	}) == ""
}

// wrongNumbers is about digits and dots.
func wrongNumbers(text string) string {
	numbers := strings.Split(text, ".")
	for _, n := range numbers {
		if n == "" {
			return "a number is missing beside a dot: write four, such as 192.0.2.1"
		}
	}
	if len(numbers) != 4 {
		return fmt.Sprintf("an IPv4 address has four numbers, not %d: write it out, such as 192.0.2.1", len(numbers))
	}
	for _, n := range numbers {
		if len(n) > 1 && n[0] == '0' {
			return fmt.Sprintf("the number %s begins with 0, which can mean octal: write it in decimal, without the 0", n)
		}
	}
	return "a number is more than 255: write four from 0 to 255"
}

// wrongColons is about what looks like IPv6.
func wrongColons(text string) string {
	if _, err := netip.ParseAddrPort(text); err == nil {
		return "a port: write the address alone"
	}
	if isAddr(strings.Trim(text, "[]")) {
		return "an address in brackets: write it without them"
	}
	return "no IPv6 address: write groups of one to four hexadecimal digits, with at most one :: among them"
}
