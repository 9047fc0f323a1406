// Package guests is the registration of guests by name: what the hook of libvirt tells, which guests run, which addresses
// they have and which of that this host has put into the DNS. It compares the last two and says what must change; what
// sends the changes is given to it. It starts and stops no guest, and knows neither name servers nor keys.
package guests

import (
	"net/netip"
	"slices"
	"strings"

	"debvisor/internal/guests/installed"
	"debvisor/internal/names"
)

// Where things are on a machine, besides what is installed.
const (
	LockPath  = installed.RunDir + "/lock"
	AuditPath = names.AuditLog
)

// Guest is a guest that runs.
type Guest struct {
	Name  string // as libvirt has it: any text
	UUID  string // in lower case, with hyphens
	NICs  []NIC
	Agent bool // its guest agent is connected
}

// NIC is a network interface of a guest.
type NIC struct {
	MAC    string // in lower case, with colons
	Bridge string // of the host that it is on; "" for none
}

// bridges says by MAC which bridge each interface is on.
func (g Guest) bridges() map[string]string {
	all := map[string]string{}
	for _, n := range g.NICs {
		all[n.MAC] = n.Bridge
	}
	return all
}

// Source is how an address is known.
type Source int

// The sources, from the one that is believed least. A guest can claim any address in the neighbour table and through its
// agent; the leases are the host's own. Only a lease decides between two guests.
const (
	Neighbour Source = iota
	Agent
	Lease
)

func (s Source) String() string { return []string{"neighbour table", "guest agent", "lease"}[s] }

// Sight is how and where an address is seen: by the best of its sources, at a MAC.
type Sight struct {
	Source Source
	MAC    string
}

// Seen is a guest that runs with its addresses.
type Seen struct {
	Guest
	Addresses map[netip.Addr]Sight
	Told      bool // its agent has told all that it has
	// Claimed are addresses that it was seen with and another guest too; true for one that is the other's for certain.
	Claimed map[netip.Addr]bool
}

// sorted are the addresses in a fixed order, IPv4 first.
func (s Seen) sorted() []netip.Addr {
	var all []netip.Addr
	for a := range s.Addresses {
		all = append(all, a)
	}
	return sortAddrs(all)
}

func sortAddrs(all []netip.Addr) []netip.Addr {
	slices.SortFunc(all, netip.Addr.Compare)
	return all
}

// Texts are addresses in words.
func Texts(all []netip.Addr) string {
	var texts []string
	for _, a := range all {
		texts = append(texts, a.String())
	}
	return strings.Join(texts, " ")
}
