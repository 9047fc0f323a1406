package named

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"debvisor/internal/dns"
)

// grantSession is for the key that named makes at each start in /run/named/session.key, which only root and named can read.
const grantSession = `grant "local-ddns" zonesub ANY`

// Zones is debvisor-zones.conf: the zones of a server that has these keys and, with a peer, these roles.
func Zones(s dns.Server, k KeyNames, roles map[string]Role) string {
	var b strings.Builder
	b.WriteString("// Written by DebVisor, anew with each rotation of the keys and each change of who writes.\n")
	for _, z := range s.Zones {
		b.WriteString(zone(z.Name, statements(s, z, k, roles[z.Name])))
	}
	if s.Arbitrates {
		b.WriteString(arbiter(k))
	}
	return b.String()
}

func zone(name string, statements []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nzone %q {\n\tfile %q;\n\tmasterfile-format text;\n", name, ZoneFile(name))
	for _, s := range statements {
		fmt.Fprintf(&b, "\t%s;\n", strings.ReplaceAll(s, "\n", "\n\t"))
	}
	return b.String() + "};\n"
}

func statements(s dns.Server, z dns.Zone, k KeyNames, role Role) []string {
	transfer := "allow-transfer " + keyList(k.Transfer)
	switch {
	case len(s.Primaries) > 0:
		return append(secondary(s, s.Primaries, nil, k), transfer)
	case !s.Peer.IsValid() || role == Primary:
		return append(primary(s, policy(s, z, k)), transfer)
	case role == Closed:
		return append(primary(s, nil), transfer)
	}
	if role != Secondary { // who is just started does not know that the peer writes: the two would send an update to and fro
		return append(secondary(s, []netip.Addr{s.Peer}, s.Secondaries, k), transfer)
	}
	forward := "allow-update-forwarding " + keyList(slices.Concat(k.Node, k.VM))
	return append(secondary(s, []netip.Addr{s.Peer}, s.Secondaries, k), transfer, forward)
}

func primary(s dns.Server, rules []string) []string {
	others := s.Secondaries
	if s.Peer.IsValid() {
		others = append([]netip.Addr{s.Peer}, others...)
	}
	rules = append([]string{grantSession}, rules...)
	limit := fmt.Sprintf("max-zone-ttl %d", LongestTTL)
	return slices.Concat([]string{"type primary", limit, "update-policy " + block(rules)}, notify(s, others))
}

// secondary lists each primary with each key: in a rotation one of the two may have the newest key before the other does, and
// named goes on to the next of the list when a key is refused.
func secondary(s dns.Server, from, others []netip.Addr, k KeyNames) []string {
	var primaries []string
	for _, p := range from {
		for _, key := range k.Transfer {
			primaries = append(primaries, fmt.Sprintf("%s key %q", p, key))
		}
	}
	// A notification that was lost is made up for in seconds, not in the minutes that named waits at least by itself.
	refresh := []string{"min-refresh-time 1", "max-refresh-time 5", "min-retry-time 1", "max-retry-time 5"}
	return slices.Concat([]string{"type secondary", "primaries " + block(primaries), source("transfer", s.Self)}, refresh, notify(s, others))
}

// notify says whom a server tells of changes, at once and from its own address: the virtual one may be on either server.
func notify(s dns.Server, others []netip.Addr) []string {
	if len(others) == 0 {
		return []string{"notify no"}
	}
	to := make([]string, len(others))
	for i, o := range others {
		to[i] = o.String()
	}
	return []string{"notify explicit", "notify-delay 0", "also-notify " + block(to), source("notify", s.Self)}
}

func source(what string, self netip.Addr) string {
	if self.Is6() {
		what += "-source-v6 "
	} else {
		what += "-source "
	}
	return what + self.String()
}

// arbiter is the zone in which pairs decide; whoever may transfer zones may write there. Nobody needs a copy of it.
func arbiter(k KeyNames) string {
	rules := []string{grantSession}
	for _, key := range k.Transfer {
		rules = append(rules, fmt.Sprintf("grant %q zonesub TXT", key))
	}
	return zone(dns.ArbiterZone, []string{"type primary", "update-policy " + block(rules), "notify no", "allow-transfer { none; }"})
}

func keyList(names []string) string {
	keys := make([]string, len(names))
	for i, name := range names {
		keys[i] = fmt.Sprintf("key %q", name)
	}
	return block(keys)
}

// block is statements in braces, a line each.
func block(lines []string) string { return "{\n\t" + strings.Join(lines, ";\n\t") + ";\n}" }
