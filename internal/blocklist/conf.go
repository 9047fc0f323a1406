package blocklist

import (
	"fmt"
	"iter"
	"strconv"

	"debvisor/internal/blocklist/addrset"
	"debvisor/internal/blocklist/kernel"
)

// Conf is 10-blocklist.conf: the table for nft, which loads it at boot and with the rest of the firewall. It fills the sets
// that are there, and never deletes the table: a new set answers nothing until the end of a transaction.
func Conf(list addrset.Set) string {
	digest := list.Digest()
	list = kernel.Split(list)
	n := list.Sizes()
	b := make([]byte, 0, len(head)+len(rules)+32*len(list.V4)+80*len(list.V6))
	b = fmt.Appendf(b, head, digest, kernel.HostSetSize(n.Hosts4), kernel.HostSetSize(n.Hosts6))
	b = append(b, rules...)
	b = elements(b, "blocked_ips", n.Nets4, list.Nets4(), range4)
	b = elements(b, "blocked_hosts", n.Hosts4, list.Hosts4(), address4)
	b = elements(b, "blocked_ips6", n.Nets6, list.Nets6(), range6)
	b = elements(b, "blocked_hosts6", n.Hosts6, list.Hosts6(), address6)
	return string(b)
}

const head = `# Written by DebVisor's blocklist module; the lists that it is made of are named in ` + SettingsPath + `.
# Effective list: sha256 %s
table inet debvisor_blocklist {
	counter input_ipv4 { }
	counter input_ipv6 { }
	counter forward_ipv4 { }
	counter forward_ipv6 { }
	# ranges are here, single addresses in blocked_hosts, where finding one costs a packet less
	set blocked_ips {
		type ipv4_addr
		flags interval
	}
	set blocked_hosts {
		type ipv4_addr
		size %d
	}
	set blocked_ips6 {
		type ipv6_addr
		flags interval
	}
	set blocked_hosts6 {
		type ipv6_addr
		size %d
	}
	chain debvisor_blocklist_input { type filter hook input priority -200; policy accept; }
	chain debvisor_blocklist_forward { type filter hook forward priority -200; policy accept; }
}
flush chain inet debvisor_blocklist debvisor_blocklist_input
flush chain inet debvisor_blocklist debvisor_blocklist_forward
flush set inet debvisor_blocklist blocked_ips
flush set inet debvisor_blocklist blocked_hosts
flush set inet debvisor_blocklist blocked_ips6
flush set inet debvisor_blocklist blocked_hosts6
`

const rules = `table inet debvisor_blocklist {
	chain debvisor_blocklist_input {
		iifname "lo" accept
		ip saddr @blocked_hosts counter name "input_ipv4" drop
		ip saddr @blocked_ips counter name "input_ipv4" drop
		ip6 saddr @blocked_hosts6 counter name "input_ipv6" drop
		ip6 saddr @blocked_ips6 counter name "input_ipv6" drop
	}
	chain debvisor_blocklist_forward {
		ip saddr @blocked_hosts counter name "forward_ipv4" drop
		ip saddr @blocked_ips counter name "forward_ipv4" drop
		ip6 saddr @blocked_hosts6 counter name "forward_ipv6" drop
		ip6 saddr @blocked_ips6 counter name "forward_ipv6" drop
	}
}
`

// elements fills a set. nft rejects an empty list, hence the count.
func elements[E any](b []byte, set string, count int, all iter.Seq[E], text func([]byte, E) []byte) []byte {
	if count == 0 {
		return b
	}
	b = fmt.Appendf(b, "add element inet debvisor_blocklist %s {\n", set)
	for e := range all {
		b = append(text(append(b, '\t'), e), ",\n"...)
	}
	return append(b, "}\n"...)
}

func range4(b []byte, r addrset.Range4) []byte {
	return address4(append(address4(b, r.First), '-'), r.Last)
}

func range6(b []byte, r addrset.Range6) []byte {
	return address6(append(address6(b, r.First), '-'), r.Last)
}

// address4 is netip's text, from a table: there are a million of them.
func address4(b []byte, a uint32) []byte {
	for shift := 24; shift >= 0; shift -= 8 {
		o := &octets[a>>shift&0xff]
		b = append(b, o.text[:]...)
		b = b[:len(b)-len(o.text)+o.length]
	}
	return b[:len(b)-1]
}

// octets are the numbers from 0 to 255 with a dot behind each.
var octets = func() (all [256]struct {
	text   [4]byte
	length int
}) {
	for i := range all {
		all[i].length = copy(all[i].text[:], strconv.Itoa(i)+".")
	}
	return all
}()

func address6(b []byte, a addrset.Addr6) []byte { return a.Netip().AppendTo(b) }
