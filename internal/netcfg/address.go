package netcfg

import "strings"

// network is br0's own address. A lease is not given back when networkd stops: the address outlives a reboot.
func (b Bridge) network() string {
	var t section
	t.begin("Match", "Name=br0")
	t.begin("Link", "RequiredForOnline=routable")
	t.begin("Network", "DHCP="+b.dhcp(), "LinkLocalAddressing="+b.linkLocal(), "IPv6AcceptRA="+b.acceptRA())
	for _, a := range []Address{b.IPv4, b.IPv6} {
		if a.Method == "static" {
			t.add(a.lines()...)
		}
	}
	for _, s := range b.DNS {
		t.add("DNS=" + s)
	}
	if len(b.Search) > 0 {
		t.add("Domains=" + strings.Join(b.Search, " "))
	}
	if b.IPv4.Method == "dhcp" {
		t.add("KeepConfiguration=dynamic-on-stop")
		t.begin("DHCPv4", "ClientIdentifier=mac", "SendRelease=no")
	}
	if b.IPv6.Method == "dhcp" {
		t.begin("DHCPv6", "SendRelease=no")
		t.begin("IPv6AcceptRA", "DHCPv6Client=always", "UseAutonomousPrefix=no")
	}
	return t.String()
}

func (a Address) lines() []string {
	lines := []string{"Address=" + a.Address}
	if a.Gateway != "" {
		lines = append(lines, "Gateway="+a.Gateway)
	}
	return lines
}

func (b Bridge) dhcp() string {
	four, six := b.IPv4.Method == "dhcp", b.IPv6.Method == "dhcp"
	switch {
	case four && six:
		return "yes"
	case four:
		return "ipv4"
	case six:
		return "ipv6"
	}
	return "no"
}

func (b Bridge) linkLocal() string {
	if b.IPv6.Method == "none" {
		return "no"
	}
	return "ipv6"
}

// acceptRA: router advertisements also tell a DHCPv6 client of its router.
func (b Bridge) acceptRA() string {
	if b.IPv6.Method == "auto" || b.IPv6.Method == "dhcp" {
		return "yes"
	}
	return "no"
}
