package dns_ha

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"debvisor/internal/ansible"
	"debvisor/internal/dns"
	"debvisor/internal/dns/named"
)

type params struct {
	State          string                       `param:"state,default=present,choices=present|keys|runner|trusting"`
	Mode           string                       `param:"mode,default=pair,choices=pair|secondary"`
	Address        netip.Addr                   `param:"address,required_if=state:present"`
	Peer           netip.Addr                   `param:"peer"`
	First          bool                         `param:"first,default=true"`
	Arbiter        netip.Addr                   `param:"arbiter"`
	Arbitrates     bool                         `param:"arbitrates,default=false"`
	VIP            []netip.Addr                 `param:"vip"`
	Primaries      []netip.Addr                 `param:"primaries,required_if=mode:secondary"`
	Secondaries    []netip.Addr                 `param:"secondaries"`
	Addresses      []netip.Addr                 `param:"addresses"`
	Zone           string                       `param:"zone,default=debvisor.local"`
	Guests         string                       `param:"guests,default=vm"`
	Reserved       []string                     `param:"reserved"`
	Networks       []ansible.Network            `param:"networks"`
	Content        string                       `param:"content"`
	ReverseContent string                       `param:"reverse_content"`
	Names          map[string]string            `param:"names"`
	Options        string                       `param:"options,required_if=state:present"`
	Local          string                       `param:"local,required_if=state:present"`
	Keepalived     string                       `param:"keepalived"`
	Firewall       string                       `param:"firewall"`
	RunnerKeys     []string                     `param:"runner_keys"`
	RunnerFrom     []netip.Addr                 `param:"runner_from"`
	Inventory      string                       `param:"inventory"`
	KnownHosts     string                       `param:"known_hosts"`
	OtherKeys      map[string]map[string]string `param:"other_keys"`
	OtherZones     []string                     `param:"other_zones"`
}

var (
	zoneName  = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+$`)
	labelName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	reserved  = regexp.MustCompile(`^[a-z0-9_*]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`)
)

// Validate says what is wrong with values that are right by themselves.
func (p *params) Validate() error {
	if p.State != "present" {
		return nil
	}
	var wrong []error
	say := func(when bool, format string, args ...any) {
		if when {
			wrong = append(wrong, fmt.Errorf(format, args...))
		}
	}
	say(len(p.Zone) > 200 || !zoneName.MatchString(p.Zone), "zone: %q is no zone such as debvisor.local, in small letters and without a dot at the end", p.Zone)
	say(!labelName.MatchString(p.Guests), "guests: %q is not a single label in small letters", p.Guests)
	for _, name := range p.Reserved {
		say(!reserved.MatchString(name), "reserved: %q is not a name in small letters, relative to the zone", name)
	}
	say(p.Mode == "pair" && len(p.Primaries) > 0, "primaries: only with mode=secondary")
	say(p.Mode == "pair" && p.Arbitrates, "arbitrates: only with mode=secondary; the arbiter must be a third server")
	say(p.Mode == "secondary" && (p.Peer.IsValid() || len(p.VIP) > 0 || p.Keepalived != "" || p.Arbiter.IsValid() || len(p.Secondaries) > 0),
		"peer, vip, arbiter, secondaries, keepalived: not with mode=secondary")
	say(p.Arbiter.IsValid() && !p.Peer.IsValid(), "arbiter: a server without a peer needs none")
	say(!p.First && !p.Peer.IsValid() && p.Mode == "pair", "first: a server without a peer is the first")
	say(p.makesZones() && p.Content == "", "content: the first content of the zone is missing")
	say(p.makesZones() && len(p.Networks) > 0 && p.ReverseContent == "", "reverse_content: the first content of the reverse zones is missing")
	for _, text := range sorted(p.Names) {
		_, err := netip.ParseAddr(text)
		say(err != nil, "names: %q is not an address", text)
		say(!zoneName.MatchString(p.Names[text]), "names: %q is not a full name in small letters, without a dot at the end", p.Names[text])
	}
	return errors.Join(append(wrong, p.addresses()...)...)
}

// makesZones reports whether this server begins the zones when they are new; any other transfers them.
func (p *params) makesZones() bool { return p.Mode == "pair" && p.First }

// addresses says which addresses cannot be, or are there twice.
func (p *params) addresses() []error {
	var wrong []error
	seen := map[netip.Addr]string{}
	check := func(name string, all ...netip.Addr) {
		for _, a := range all {
			switch other, taken := seen[a]; {
			case !a.IsValid():
			case a.Is4In6() || a.Zone() != "" || a.IsLoopback() || a.IsUnspecified() || a.IsMulticast() || a.IsLinkLocalUnicast():
				wrong = append(wrong, fmt.Errorf("%s: %s cannot be a server's address", name, a))
			case taken && !(name == "secondaries" && other == "arbiter"):
				wrong = append(wrong, fmt.Errorf("%s: %s is %s already", name, a, other))
			case name != "vip" && a.Is4() != p.Address.Is4():
				wrong = append(wrong, fmt.Errorf("%s: %s is of another family than address %s", name, a, p.Address))
			default:
				seen[a] = name
			}
		}
	}
	check("address", p.Address)
	check("peer", p.Peer)
	check("vip", p.VIP...)
	check("arbiter", p.Arbiter)
	check("secondaries", p.Secondaries...)
	check("primaries", p.Primaries...)
	return wrong
}

// reserved are the names that no client may have: those said so, and of each server.
func (p params) reserved() []string {
	names := slices.Clone(p.Reserved)
	for _, address := range sorted(p.Names) {
		if name, in := strings.CutSuffix(p.Names[address], "."+p.Zone); in && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// server are the settings that the node keeps.
func (p params) server() (dns.Server, error) {
	s := dns.Server{Self: p.Address, Peer: p.Peer, First: p.makesZones(), Arbiter: p.Arbiter, VIP: p.VIP, Secondaries: p.Secondaries,
		Primaries: p.Primaries, Arbitrates: p.Arbitrates, Addresses: p.Addresses}
	s.Zones = []dns.Zone{{Name: p.Zone, Guests: p.Guests, Reserved: p.reserved()}}
	var wrong error
	for _, n := range p.Networks {
		name, err := named.ReverseZone(n.Prefix)
		if err != nil {
			wrong = errors.Join(wrong, fmt.Errorf("networks: %w", err))
			continue
		}
		for _, z := range s.Zones[1:] {
			if z.Name == name || strings.HasSuffix(z.Name, "."+name) || strings.HasSuffix(name, "."+z.Name) {
				wrong = errors.Join(wrong, fmt.Errorf("networks: %s overlaps another one", n))
			}
		}
		s.Zones = append(s.Zones, dns.Zone{Name: name})
	}
	return s, wrong
}
