package installer

import (
	"strconv"
	"strings"

	"debvisor/config"
)

// networkQuestions ask about br0; about its ports only where there is a choice.
func networkQuestions(s State) []Question {
	n := s.Node.Network
	all := []Question{}
	if len(s.Cards) > 1 || len(n.Ports) > 0 { // earlier answers may name a card that is not there
		all = append(all, portsQuestion(s))
	}
	all = append(all, Question{Path: "network.ipv4.method", Title: "IPv4 address", Kind: One, Default: or(n.IPv4.Method, "dhcp"),
		Options: []Option{{"dhcp", "from a DHCP server"}, {"static", "fixed"}, {"none", "none"}},
		set:     func(n *config.Node, a string) { n.Network.IPv4 = method(n.Network.IPv4, a) }})
	if n.IPv4.Method == "static" && s.Asked["network.ipv4.method"] {
		all = append(all, staticQuestions(n)...)
	}
	return append(all,
		Question{Path: "network.vlan", Title: "VLAN of the machine's address", Help: "1 to 4094; empty for none", Default: number(n.VLAN),
			Check: isNumber, set: func(n *config.Node, a string) { n.Network.VLAN, _ = strconv.Atoi(a) }}, // checked just above
		Question{Path: "network.management", Title: "Networks that may reach SSH", Help: "such as 10.0.0.0/24, several with blanks; empty for all",
			Default: strings.Join(n.Management, " "), set: func(n *config.Node, a string) { n.Network.Management = words(a) }},
	)
}

func portsQuestion(s State) Question {
	q := Question{Path: "network.ports", Title: "Network cards in the bridge br0", Kind: Many,
		Check: func(a string) error { return atLeastOne(lines(a)) },
		set: func(n *config.Node, a string) {
			n.Network.Ports = nil
			for _, mac := range lines(a) {
				n.Network.Ports = append(n.Network.Ports, config.Port{MAC: mac})
			}
		}}
	var chosen []string
	for _, c := range s.Cards {
		link := "no link"
		if c.Carrier {
			link = "link"
		}
		q.Options = append(q.Options, Option{c.MAC, c.Name + " " + c.MAC + ", " + link})
		for _, p := range s.Node.Network.Ports {
			if strings.EqualFold(p.MAC, c.MAC) || p.Name == c.Name {
				chosen = append(chosen, c.MAC)
			}
		}
	}
	q.Default = strings.Join(chosen, "\n")
	return q
}

// method drops a fixed address that no longer applies.
func method(a config.Address, name string) config.Address {
	if name != "static" {
		return config.Address{Method: name}
	}
	a.Method = name
	return a
}

func staticQuestions(n config.Network) []Question {
	return []Question{
		{Path: "network.ipv4.address", Title: "Address and prefix length", Help: "such as 10.0.0.11/24", Default: n.IPv4.Address,
			set: func(n *config.Node, a string) { n.Network.IPv4.Address = a }},
		{Path: "network.ipv4.gateway", Title: "Gateway", Help: "empty for none", Default: n.IPv4.Gateway,
			set: func(n *config.Node, a string) { n.Network.IPv4.Gateway = a }},
		{Path: "network.dns", Title: "Name servers", Help: "addresses, several with blanks; empty for none", Default: strings.Join(n.DNS, " "),
			set: func(n *config.Node, a string) { n.Network.DNS = words(a) }},
	}
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}
