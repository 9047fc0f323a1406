package pair

import (
	"net/netip"

	"debvisor/internal/dns"
	"debvisor/internal/dns/named"
)

// The model is two servers, an arbiter or none, and clients. A step is what one of them does without being disturbed; between
// any two steps anything else may happen.

// record is a dns.Writer that can be compared and kept as a key of a map.
type record struct {
	epoch   uint16
	writer  uint8
	members uint8 // a bit a server
}

var addresses = [2]netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")}

func (r record) out() dns.Writer {
	if r.epoch == 0 {
		return dns.Writer{}
	}
	w := dns.Writer{Epoch: uint32(r.epoch), Writer: addresses[r.writer]}
	for i, a := range addresses {
		if r.members&(1<<i) != 0 {
			w.Members = append(w.Members, a)
		}
	}
	return w
}

func in(w dns.Writer) record {
	if w.Epoch == 0 {
		return record{}
	}
	r := record{epoch: uint16(w.Epoch)}
	for i, a := range addresses {
		if w.Has(a) {
			r.members |= 1 << i
		}
		if w.Writer == a {
			r.writer = uint8(i)
		}
	}
	return r
}

// data is a zone on a disk. Its journal goes from serial to serial, except over what was left out the last times that somebody
// took over.
type data struct {
	record record
	serial uint16
	at     [updates]uint16 // the serial with which each update came, or 0
	left   [4][2]uint16    // the serials between each two were left out; the last ones first
}

// reaches reports whether the journal leads on from a serial.
func (d data) reaches(serial uint16) bool {
	for _, l := range d.left {
		if serial > l[0] && serial < l[1] {
			return false
		}
	}
	return true
}

// has are the updates in a zone, a bit each.
func (d data) has() (bits uint8) {
	for n, serial := range d.at {
		if serial > 0 {
			bits |= 1 << n
		}
	}
	return bits
}

// changes is a zone with what was changed in another one since a serial, which named does when that one's journal has it.
func (d data) changes(from data) data {
	for n, serial := range d.at {
		if from.at[n] <= d.serial {
			from.at[n] = serial
		}
	}
	return from
}

type server struct {
	disk   data
	up     bool
	role   uint8 // of roles
	theirs data  // as it was seen last, without updates
	sees   Sight
	alive  bool
	known  bool   // the arbiter answered
	said   record // what it said
	leave  bool
	held   bool   // it was primary without a break since it saw the peer's record
	went   bool   // its watcher saw it write alone
	last   uint16 // the last epoch that its disk knows of; 0 is a new disk
	force  bool   // an operator promotes it
	heard  bool   // reaches the arbiter
}

var roles = []named.Role{named.Secondary, named.Closed, named.Primary}

// client sends one update until it is acknowledged, and then the next.
type client struct {
	at     uint8 // step of its way to an acknowledgement
	sees   record
	serial uint16
	number uint8 // of the update; updates is none
}

type world struct {
	servers [2]server
	arbiter record
	judged  bool // there is an arbiter
	cable   bool
	clients [2]client
	acked   uint8
	faults  uint8 // that may still happen
	lost    uint8 // updates that a promotion may lose: the server that was off had them and the promoted one did not
	void    bool  // one was promoted past the arbiter, or although the other had gone on alone with it: nothing was promised
	next    uint8 // number of the next update
}

// rules are what a test breaks on purpose.
type rules struct {
	decide      func(View) Action
	noCompare   bool // the arbiter takes every record
	epochFirst  bool // a client looks at a member's epoch before its serial, and not after it
	writerOnly  bool // a client does not ask the other member
	sameLineage bool // taking over does not leave serials out
	restored    bool // an arbiter that lost what it held gets it from an old backup
}
