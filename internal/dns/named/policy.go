package named

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"debvisor/internal/dns"
)

// neverClients are names that no client may ever have: of servers, and such that programs ask for by themselves and trust.
var neverClients = strings.Fields("ns ns0 ns1 ns2 ns3 ns4 ns5 ns6 ns7 ns8 ns9 wpad isatap localhost")

// LongestTTL is a day, in seconds: named makes a longer one of an update as short, and loads no zone with one. Who may write a
// name could else make others remember it for 68 years.
const LongestTTL = 86400

// policy are the rules of a zone for the clients' keys. The first that fits an update decides, so what nobody may write comes
// before what a key may. No kind of rule knows how deep a name is or that it begins with an asterisk: a key may write at any
// depth below what it is granted, and only the wildcards that are named here are refused.
func policy(s dns.Server, z dns.Zone, k KeyNames) []string {
	rules := []string{
		fmt.Sprintf(`deny "*" name %q`, z.Name),
		fmt.Sprintf(`deny "*" name %q`, "*."+z.Name), // would answer for every name that nobody has
	}
	for _, name := range denied(s, z) {
		rules = append(rules, fmt.Sprintf(`deny "*" subdomain %q`, name+"."+z.Name))
	}
	if z.Guests == "" {
		return append(rules, grants(slices.Concat(k.Node, k.VM), "zonesub", "PTR DHCID")...)
	}
	guests := z.Guests + "." + z.Name
	rules = append(rules, fmt.Sprintf(`deny "*" name %q`, guests), fmt.Sprintf(`deny "*" name %q`, "*."+guests))
	rules = append(rules, grants(k.VM, fmt.Sprintf("subdomain %q", guests), "A AAAA DHCID")...)
	rules = append(rules, fmt.Sprintf(`deny "*" subdomain %q`, guests))
	return append(rules, grants(k.Node, "zonesub", "A AAAA DHCID")...)
}

func grants(keys []string, where, types string) []string {
	var rules []string
	for _, key := range keys {
		rules = append(rules, fmt.Sprintf("grant %q %s %s", key, where, types))
	}
	return rules
}

// denied are the names, relative to a zone, that no client may write: of the servers, and what the settings reserve.
func denied(s dns.Server, z dns.Zone) []string {
	names := []string{dns.WriterLabel}
	if z.Guests != "" {
		return slices.Concat(names, neverClients, z.Reserved)
	}
	for _, a := range slices.Concat([]netip.Addr{s.Self, s.Peer, s.Arbiter}, s.VIP, s.Secondaries, s.Addresses) {
		if name, in := strings.CutSuffix(ReverseName(a), "."+z.Name); in && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return slices.Concat(names, z.Reserved)
}
