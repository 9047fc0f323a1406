// Package netcfg is the machine's own network as files of systemd-networkd: the bridge br0, the cards in it and the
// address on it; and the machine's name. It finds cards but configures nothing else: no ifupdown, no NetworkManager.
package netcfg

import (
	"fmt"
	"net"
	"strings"

	"debvisor/internal/host"
)

// Dir is where systemd-networkd's files are; Prefix is what ours begin with.
const (
	Dir    = "/etc/systemd/network"
	Prefix = "10-debvisor-"
)

// Bridge is br0.
type Bridge struct {
	Ports  []Port // none: the machine's only card
	VLAN   int    // 0 for none
	IPv4   Address
	IPv6   Address
	DNS    []string
	Search []string
}

// Port names a card by its hardware address or by its name.
type Port struct{ MAC, Name string }

// Address is how br0 gets an address: dhcp, auto (IPv6), static or none. Address has a prefix length.
type Address struct{ Method, Address, Gateway string }

// Files are the files of br0 on a machine that has these cards. A port that is not there is an error which lists those
// that are, and so is a machine with several cards where none is named.
func (b Bridge) Files(cards []Card) ([]host.Want, error) {
	ports, err := b.choose(cards)
	if err != nil {
		return nil, err
	}
	files := []host.Want{
		file("br0.netdev", b.netdev(ports)),
		file("br0.network", b.network()),
	}
	for i, p := range ports {
		files = append(files, file(fmt.Sprintf("port%d.network", i+1), b.port(p)))
	}
	return files, nil
}

func file(name, content string) host.Want {
	return host.File{Path: Dir + "/" + Prefix + name, Content: "# Written by DebVisor.\n" + content, Mode: 0o644}
}

// chosen is a port with its card.
type chosen struct {
	Port
	Card
}

func (b Bridge) choose(cards []Card) ([]chosen, error) {
	if len(b.Ports) == 0 {
		if physical := onlyPhysical(cards); len(physical) == 1 {
			return []chosen{{Port{MAC: physical[0].MAC}, physical[0]}}, nil // its name changes when a card beside it comes or goes
		}
		return nil, fmt.Errorf("choose a card for br0: name one in network.ports; this machine has %s", list(onlyPhysical(cards)))
	}
	var all []chosen
	for _, p := range b.Ports {
		card, err := p.find(cards)
		if err != nil {
			return nil, err
		}
		all = append(all, chosen{p, card})
	}
	return all, nil
}

func (p Port) find(cards []Card) (Card, error) {
	for _, c := range cards {
		if p.Name != "" && c.Name == p.Name || p.MAC != "" && sameMAC(c.MAC, p.MAC) {
			return c, nil
		}
	}
	return Card{}, fmt.Errorf("find the card %s for br0: this machine has %s", p.Name+p.MAC, list(onlyPhysical(cards)))
}

func sameMAC(a, b string) bool {
	x, errX := net.ParseMAC(a)
	y, errY := net.ParseMAC(b)
	return errX == nil && errY == nil && x.String() == y.String()
}

// netdev gives br0 the hardware address of its first card, so that the DHCP lease of that card becomes br0's. With one
// card there can be no loop, and no reason to wait for spanning tree.
func (b Bridge) netdev(ports []chosen) string {
	var t section
	t.begin("NetDev", "Name=br0", "Kind=bridge", "MACAddress="+ports[0].Card.MAC)
	t.begin("Bridge")
	if len(ports) > 1 {
		t.add("STP=yes", "HelloTimeSec=2", "MaxAgeSec=6", "ForwardDelaySec=4")
	} else {
		t.add("STP=no")
	}
	if b.VLAN != 0 {
		t.add("VLANFiltering=yes", fmt.Sprintf("DefaultPVID=%d", b.VLAN))
	}
	return t.String()
}

// port enslaves a card. Towards the network every VLAN is tagged, the machine's own and those that guests ask for; what
// asks for none on br0 is untagged in the machine's own. An untagged frame from the network belongs to none.
func (b Bridge) port(p chosen) string {
	var t section
	t.begin("Match")
	if p.Port.MAC != "" {
		t.add("MACAddress="+p.Card.MAC, "Type=ether") // br0 has the same address, but is of type bridge
	} else {
		t.add("Name=" + p.Card.Name)
	}
	t.begin("Link", "RequiredForOnline=no")
	t.begin("Network", "Bridge=br0", "LinkLocalAddressing=no", "LLDP=no")
	if b.VLAN != 0 {
		t.begin("BridgeVLAN", "VLAN=1-4094", "PVID=no")
	}
	return t.String()
}

// section builds a file of systemd.
type section struct{ strings.Builder }

func (s *section) begin(name string, lines ...string) {
	if s.Len() > 0 {
		s.WriteString("\n")
	}
	s.WriteString("[" + name + "]\n")
	s.add(lines...)
}

func (s *section) add(lines ...string) {
	for _, l := range lines {
		s.WriteString(l + "\n")
	}
}
