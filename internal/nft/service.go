package nft

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"debvisor/internal/pattern"
)

// Service is something on the machine that others may reach.
type Service struct {
	Name     string // small letters, digits, - and _; the rules carry it as their comment
	Protocol string // tcp or udp
	Ports    Ports
	From     []netip.Prefix // networks that may reach it; every network when empty
}

// Ports are one port or a range of them, both ends included.
type Ports struct{ First, Last uint16 }

// ParsePorts reads "443" or "5900-5910".
func ParsePorts(s string) (Ports, error) {
	first, last, isRange := strings.Cut(s, "-")
	if !isRange {
		last = first
	}
	low, err1 := strconv.ParseUint(first, 10, 16)
	high, err2 := strconv.ParseUint(last, 10, 16)
	if errors.Join(err1, err2) != nil || low == 0 || low > high {
		return Ports{}, fmt.Errorf("%q is neither a port nor a range such as 5900-5910", s)
	}
	return Ports{uint16(low), uint16(high)}, nil
}

// String is what ParsePorts reads.
func (p Ports) String() string {
	if p.First == p.Last {
		return strconv.Itoa(int(p.First))
	}
	return fmt.Sprintf("%d-%d", p.First, p.Last)
}

func (p Ports) overlaps(q Ports) bool { return p.First <= q.Last && q.First <= p.Last }

// serviceName fits into the name of a set beside its prefix.
var serviceName = pattern.Lazy(`^[a-z][a-z0-9_-]{0,15}$`)

const sshPort = 22

// Check says what is wrong with a configuration, each entry in a line of its own.
func (c Config) Check() error {
	var wrong []error
	for i, s := range c.Services {
		what := fmt.Sprintf("service %q", cmp.Or(s.Name, "number "+strconv.Itoa(i+1)))
		for _, why := range s.faults(c.Services[:i]) {
			wrong = append(wrong, fmt.Errorf("%s: %s", what, why))
		}
	}
	return errors.Join(wrong...)
}

// faults are those of the service itself, and its contradictions to the ones before it.
func (s Service) faults(before []Service) []string {
	var found []string
	if !serviceName().MatchString(s.Name) {
		found = append(found, "its name must begin with a small letter and have at most 16 small letters, digits, - and _")
	}
	if s.Protocol != "tcp" && s.Protocol != "udp" {
		found = append(found, fmt.Sprintf("its protocol is %q, not tcp or udp", s.Protocol))
	}
	if s.Ports.First == 0 || s.Ports.First > s.Ports.Last {
		found = append(found, fmt.Sprintf("%s are no ports", s.Ports))
	}
	if s.Protocol == "tcp" && s.Ports.overlaps(Ports{sshPort, sshPort}) {
		found = append(found, "port 22 is SSH, which the management networks open")
	}
	for _, o := range before {
		if o.Name == s.Name {
			found = append(found, "there is another service of that name")
		}
		if o.Protocol == s.Protocol && o.Ports.overlaps(s.Ports) {
			found = append(found, fmt.Sprintf("service %q opens %s %s already", o.Name, o.Protocol, o.Ports))
		}
	}
	return found
}

// rules let a service in. Its networks are in sets, which are filled again within a transaction: a rule with the networks
// in it would be a new set each time, and answer nothing for a moment.
func (s Service) rules() []string {
	accept := fmt.Sprintf("%s dport %s accept comment %q", s.Protocol, s.Ports, s.Name)
	if len(s.From) == 0 {
		return []string{accept}
	}
	var all []string
	for _, set := range s.sets() {
		all = append(all, fmt.Sprintf("%s saddr @%s %s", set.field, set.name, accept))
	}
	return all
}

// addressSet is a set of networks in the kernel.
type addressSet struct {
	name, kind, field string
	networks          []netip.Prefix
}

func (s Service) sets() []addressSet {
	var all []addressSet
	for _, set := range []addressSet{
		{"service4_" + s.Name, "ipv4_addr", "ip", only(s.From, netip.Addr.Is4)},
		{"service6_" + s.Name, "ipv6_addr", "ip6", only(s.From, netip.Addr.Is6)},
	} {
		if len(set.networks) > 0 {
			all = append(all, set)
		}
	}
	return all
}

// serviceSets declares, empties and fills the sets of all services.
func (c Config) serviceSets() string {
	var declare, flush, fill strings.Builder
	for _, s := range c.Services {
		for _, set := range s.sets() {
			fmt.Fprintf(&declare, "\tset %s {\n\t\ttype %s\n\t\tflags interval\n\t}\n", set.name, set.kind)
			fmt.Fprintf(&flush, "flush set inet debvisor %s\n", set.name)
			fill.WriteString(addElements(set.name, set.networks))
		}
	}
	if declare.Len() == 0 {
		return ""
	}
	return "table inet debvisor {\n" + declare.String() + "}\n" + flush.String() + fill.String()
}

func (c Config) serviceRules() []string {
	var all []string
	for _, s := range c.Services {
		all = append(all, s.rules()...)
	}
	return all
}
