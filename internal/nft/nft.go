// Package nft is the base firewall of a machine: its text, and how it gets into the kernel without a moment in which
// anything is open. It owns the table inet debvisor and touches no other; lists of blocked addresses are not here.
package nft

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Where the ruleset is kept.
const (
	MainPath  = "/etc/nftables.conf"
	BasePath  = "/etc/nftables/debvisor.nft"
	LocalPath = "/etc/nftables/debvisor-local.nft"
	FinalPath = "/etc/nftables/debvisor-final.nft"
	DropInDir = "/etc/nftables.d"
)

// Config is what the base ruleset depends on.
type Config struct {
	// Management are the networks that may reach SSH; every network when empty.
	Management []netip.Prefix
	// Services are what else is open.
	Services []Service
}

// Main is /etc/nftables.conf.
func Main() string {
	return `#!/usr/sbin/nft -f
# DebVisor's firewall. Load it with: debvisor firewall load
# Each file replaces only its own tables; nothing here may flush the whole ruleset.
include "` + BasePath + `"
include "` + DropInDir + `/*.conf"
include "` + LocalPath + `"
include "` + FinalPath + `"
`
}

// Local is the first content of debvisor-local.nft, which belongs to the operator from then on.
func Local() string {
	return `# Rules of this machine. They take effect before everything else is dropped.
# Load them with: debvisor firewall load
#
# Either rule by rule:
#   add rule inet debvisor input tcp dport $rpc_port accept
# or as a chain:
#   table inet debvisor {
#     chain local_input {
#       ip saddr 10.0.0.0/8 tcp dport { 80, 443 } accept
#     }
#   }
# local_forward is the same for traffic that is routed through this machine.
`
}

// Final is what comes after the operator's rules: what nobody asked for is dropped, and logged, but not flooding the log.
func Final() string {
	return `# Written by DebVisor. The end of the base ruleset; rules of your own go to ` + LocalPath + `
table inet debvisor {
	chain input {
		jump local_input
		meta pkttype { broadcast, multicast } counter drop
		limit rate 10/second burst 20 packets log prefix "debvisor-drop-input: " level info
		counter drop
	}
	chain forward {
		jump local_forward
		limit rate 10/second burst 20 packets log prefix "debvisor-drop-forward: " level info
		counter drop
	}
}
`
}

// Base is debvisor.nft. The table is declared, emptied and filled again in one transaction; its sets and chains are never
// deleted, because a new set answers nothing until the end of a transaction.
func Base(c Config) string {
	open := append(c.sshRules(), c.serviceRules()...)
	return header + addElements("management4", only(c.Management, netip.Addr.Is4)) +
		addElements("management6", only(c.Management, netip.Addr.Is6)) + c.serviceSets() +
		strings.Replace(rules, "@open@", strings.Join(open, "\n\t\t"), 1)
}

const header = `# Written by DebVisor. Rules of your own go to ` + LocalPath + `
define ssh_port = 22
define rpc_port = 9443

table inet debvisor {
	set management4 {
		type ipv4_addr
		flags interval
	}
	set management6 {
		type ipv6_addr
		flags interval
	}
	chain loaded { }
	chain local_input { }
	chain local_forward { }
	chain input { type filter hook input priority filter; policy drop; }
	chain forward { type filter hook forward priority filter; policy drop; }
	chain output { type filter hook output priority filter; policy accept; }
}
flush table inet debvisor
flush set inet debvisor management4
flush set inet debvisor management6
`

var rules = `table inet debvisor {
	chain input {
		iifname "lo" accept

		icmp type { destination-unreachable, time-exceeded, parameter-problem } accept
		icmp type echo-request limit rate 20/second burst 40 packets accept
		icmp type echo-request drop
		icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } accept
		icmpv6 type { nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept
		icmpv6 type { mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report } ip6 saddr fe80::/10 accept
		icmpv6 type echo-request limit rate 20/second burst 40 packets accept
		icmpv6 type echo-request drop

		ct state vmap { established : accept, related : accept, invalid : drop }

		udp sport 67 udp dport 68 accept
		ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept
		@open@
	}
	chain forward {
		ct state vmap { established : accept, related : accept, invalid : drop }
		iifname "br0" oifname "br0" accept
` + bridgeRules + `	}
}
`

// bridgeRules let the bridges of libvirt, Docker and Kubernetes through; each of those filters its own.
var bridgeRules = func() string {
	var b strings.Builder
	for _, name := range []string{"virbr*", "docker*", "br-*", "cni*", "cali*", "vxlan.calico", "flannel*"} {
		fmt.Fprintf(&b, "\t\tiifname %q accept\n\t\toifname %q accept\n", name, name)
	}
	return b.String()
}()

func (c Config) sshRules() []string {
	if len(c.Management) == 0 {
		return []string{"tcp dport $ssh_port accept"}
	}
	return []string{
		"ip saddr @management4 tcp dport $ssh_port accept",
		"ip6 saddr @management6 tcp dport $ssh_port accept",
	}
}

// only returns the networks of a family, ascending, without those that another one contains: a set takes no overlaps.
func only(networks []netip.Prefix, family func(netip.Addr) bool) []netip.Prefix {
	all := slices.Clone(networks)
	slices.SortFunc(all, func(a, b netip.Prefix) int {
		if d := a.Addr().Compare(b.Addr()); d != 0 {
			return d
		}
		return a.Bits() - b.Bits()
	})
	var kept []netip.Prefix
	for _, p := range all {
		if p = p.Masked(); family(p.Addr()) && (len(kept) == 0 || !kept[len(kept)-1].Contains(p.Addr())) {
			kept = append(kept, p)
		}
	}
	return kept
}

func addElements(set string, networks []netip.Prefix) string {
	if len(networks) == 0 {
		return ""
	}
	text := make([]string, len(networks))
	for i, p := range networks {
		text[i] = p.String()
	}
	return fmt.Sprintf("add element inet debvisor %s { %s }\n", set, strings.Join(text, ", "))
}
