package ansible

import (
	"fmt"
	"net/netip"
)

// Network is a parameter that is a network such as 10.0.0.0/24, or a single address. Host bits that are set are an error:
// they hide which of the two was meant.
type Network struct{ netip.Prefix }

// UnmarshalText reads it.
func (n *Network) UnmarshalText(text []byte) (err error) {
	n.Prefix, err = parseNetwork(string(text))
	return err
}

func parseNetwork(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if a, single := netip.ParseAddr(s); single == nil && a.Zone() == "" {
		p, err = netip.PrefixFrom(a, a.BitLen()), nil
	}
	switch {
	case err != nil:
		return p, fmt.Errorf("%q is neither a network such as 10.0.0.0/24 nor an address", s)
	case p.Addr().Is4In6():
		return p, fmt.Errorf("%q is an IPv4 address in IPv6 form: write it as IPv4", s)
	case p.Masked() != p:
		return p, fmt.Errorf("%q has host bits set: write %s, or the address alone", s, p.Masked())
	}
	return p, nil
}

// Prefixes are networks as the domain packages take them.
func Prefixes(all []Network) []netip.Prefix {
	var p []netip.Prefix
	for _, n := range all {
		p = append(p, n.Prefix)
	}
	return p
}
