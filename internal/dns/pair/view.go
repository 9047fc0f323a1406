package pair

import (
	"net/netip"

	"debvisor/internal/dns"
	"debvisor/internal/dns/named"
)

// Sight is what is known of the peer at a moment.
type Sight int

// How long ago the peer showed the zone.
const (
	Quiet   Sight = iota // not now, but not long ago either
	Answers              // now
	Silent               // too long ago
)

// Copy is a zone as one server has it. Without a record of who writes, or with one that is not to be believed, the record's
// epoch is 0.
type Copy struct {
	Record dns.Writer
	Serial uint32
	Wrong  string // why the record is not to be believed
}

// Arbiter is what the third server says.
type Arbiter struct {
	Used   bool       // the pair has one
	Known  bool       // it answers, and can be believed
	Record dns.Writer // what it holds; epoch 0 is nothing
	Wrong  string     // why what it holds is not to be believed
}

// Promotion is what an operator wants of a server that does not write.
type Promotion int

// The promotions. A forced one takes the zone over whatever the peer and the arbiter say.
const (
	None Promotion = iota
	Asked
	Forced
)

// View is what one server sees of one zone at one moment.
type View struct {
	Self, Peer netip.Addr // a server alone has no peer
	First      bool       // may begin a zone in which nobody has written
	Role       named.Role // what this server is now
	Mine       Copy
	Theirs     Copy // as it was seen last
	Sees       Sight
	Alive      bool // the peer's named answers, with the zone or without
	Arbiter    Arbiter
	Held       bool       // it has been primary without a break since it saw the peer have the same record
	Went       bool       // it wrote alone a moment ago, and only its named was started since
	Had        bool       // it once had the zone, as its own disk says
	Last       dns.Writer // the record that it had last, whatever its zone says now
	Leave      bool       // hand over to the peer
	Promote    Promotion
}

// Action is the next step. At most one of its parts is new: first be of this role, then have the arbiter hold this record
// instead of the one that it was seen to hold, or write this record into the zone. A step that is not made, or half made,
// is seen as such by the next Decide.
type Action struct {
	Role  named.Role
	Swap  *dns.Writer
	Write *dns.Writer
	Why   string
}
