package named

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// ReverseName is the name of an address's PTR record, without a dot at the end; "" for no address.
func ReverseName(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	if a = a.Unmap(); a.Is4() {
		return strings.Join(reverseLabels(a), ".") + ".in-addr.arpa"
	}
	return strings.Join(reverseLabels(a), ".") + ".ip6.arpa"
}

// reverseLabels are the octets or the nibbles of an address, the last first.
func reverseLabels(a netip.Addr) []string {
	var labels []string
	for _, octet := range a.AsSlice() {
		if a.Is4() {
			labels = append(labels, strconv.Itoa(int(octet)))
		} else {
			labels = append(labels, fmt.Sprintf("%x", octet>>4), fmt.Sprintf("%x", octet&15))
		}
	}
	slices.Reverse(labels)
	return labels
}

// ReverseZone is the zone with the PTR records of a network, whose length must be that of whole labels: 8, 16 or 24 bits for
// IPv4, a multiple of 4 up to 124 for IPv6.
func ReverseZone(p netip.Prefix) (string, error) {
	step, all := 4, 128
	if p.Addr().Is4() {
		step, all = 8, 32
	}
	if p.Bits() <= 0 || p.Bits() >= all || p.Bits()%step != 0 {
		down := min(max(p.Bits()/step*step, step), all-step)
		wider := netip.PrefixFrom(p.Addr(), down).Masked()
		return "", fmt.Errorf("%s has no reverse zone of its own: its length must be a multiple of %d below %d; write %s, or its parts", p, step, all, wider)
	}
	if p != p.Masked() {
		return "", fmt.Errorf("%s is not a network; write %s", p, p.Masked())
	}
	labels := strings.SplitN(ReverseName(p.Addr()), ".", (all-p.Bits())/step+1)
	return labels[len(labels)-1], nil
}
