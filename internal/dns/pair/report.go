package pair

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"debvisor/internal/dns/named"
	"debvisor/internal/tsig"
)

// Report is how a server and its pair do.
type Report struct {
	Self        netip.Addr   `json:"self"`
	Peer        netip.Addr   `json:"peer,omitzero"`
	Answers     bool         `json:"answers"` // named, to questions for every zone
	VIP         []netip.Addr `json:"vip,omitempty"`
	Here        []netip.Addr `json:"vip_here,omitempty"`  // of VIP, those that this machine has now
	Unheard     string       `json:"vip_error,omitempty"` // why named is not heard at one of Here
	Away        bool         `json:"away"`                // handed over until debvisor dns handover --return
	Key         string       `json:"key"`                 // that servers ask each other with
	KeySince    time.Time    `json:"key_since,omitzero"`  // of its activation; none before the first rotation
	Zones       []ZoneReport `json:"zones"`
	Unconfirmed []string     `json:"unconfirmed,omitempty"` // files with records that this server had and the pair lacks
}

// ZoneReport is how a zone does.
type ZoneReport struct {
	Zone       string       `json:"zone"`
	Loaded     bool         `json:"loaded"` // this server's named answers when it is asked for who writes
	Role       named.Role   `json:"role"`
	Since      time.Time    `json:"since"` // of the role
	Why        string       `json:"why"`
	Epoch      uint32       `json:"epoch"`
	Writer     netip.Addr   `json:"writer,omitzero"`
	Members    []netip.Addr `json:"members"`
	Serial     uint32       `json:"serial"`
	PeerState  string       `json:"peer_state,omitempty"`  // answers, quiet, silent
	PeerSilent float64      `json:"peer_silent,omitempty"` // seconds since the peer showed the zone, when it does not now
	PeerSerial uint32       `json:"peer_serial,omitempty"`
	PeerEpoch  uint32       `json:"peer_epoch,omitempty"`
	Lag        uint32       `json:"lag"`               // changes that one server has and the other lacks, in the same epoch
	Behind     float64      `json:"behind,omitempty"`  // seconds for which this server has lacked changes
	Arbiter    string       `json:"arbiter,omitempty"` // what it says; "silent" when it does not answer
	Stale      float64      `json:"stale,omitempty"`   // seconds for which the peer has had a later record
	Trouble    string       `json:"trouble,omitempty"` // what keeps the next step from being made
	PeerError  string       `json:"peer_error,omitempty"`
	NoArbiter  string       `json:"arbiter_error,omitempty"`
}

func (s Sight) String() string { return [...]string{"quiet", "answers", "silent"}[s] }

func (d *Daemon) report() (*Report, error) {
	d.mu.Lock()
	r := &Report{Self: d.settings.Self, Peer: d.settings.Peer, Answers: d.health.good, Away: d.away, VIP: d.settings.VIP, Unheard: d.unheard}
	for _, z := range d.zones {
		r.Zones = append(r.Zones, z.report())
	}
	vip := d.settings.VIP
	d.mu.Unlock()
	var err error
	if r.Unconfirmed, err = Unconfirmed(d.host); err != nil {
		return nil, err
	}
	keys, err := transferKeys(d.host)
	if err != nil {
		return nil, err
	}
	active, err := tsig.ReadActive(d.host)
	if err != nil {
		return nil, err
	}
	r.Key, r.KeySince = keys[0].Name(), active.Since
	r.Here, err = here(vip)
	return r, err
}

// wrong is what keeps a zone from its next step, or will.
func (z *zone) wrong() string {
	switch {
	case z.trouble != "":
		return z.trouble
	case z.view.Mine.Wrong != "":
		return z.view.Mine.Wrong
	case z.view.Arbiter.Wrong != "":
		return "at the arbiter " + z.view.Arbiter.Wrong
	}
	return ""
}

func (z *zone) report() ZoneReport {
	v := z.view
	r := ZoneReport{
		Zone: z.name, Loaded: z.loaded, Role: v.Role, Since: z.since, Why: Decide(v).Why,
		Epoch: v.Mine.Record.Epoch, Writer: v.Mine.Record.Writer, Members: v.Mine.Record.Members, Serial: v.Mine.Serial,
		Trouble: z.wrong(), PeerError: z.blind, NoArbiter: z.deaf,
	}
	if !z.stale.IsZero() {
		r.Stale = time.Since(z.stale).Seconds()
	}
	if v.Peer.IsValid() {
		r.PeerState, r.PeerSerial, r.PeerEpoch = v.Sees.String(), v.Theirs.Serial, v.Theirs.Record.Epoch
		if v.Sees != Answers {
			r.PeerSilent = time.Since(z.seen).Seconds()
		}
		if difference := int32(v.Mine.Serial - v.Theirs.Serial); r.PeerEpoch == r.Epoch {
			r.Lag = uint32(max(difference, -difference))
		}
		if !z.behind.IsZero() {
			r.Behind = time.Since(z.behind).Seconds()
		}
	}
	switch {
	case v.Arbiter.Wrong != "":
		r.Arbiter = "cannot be believed"
	case v.Arbiter.Used && !v.Arbiter.Known:
		r.Arbiter = "silent"
	case v.Arbiter.Used && v.Arbiter.Record.Epoch == 0:
		r.Arbiter = "nothing yet"
	case v.Arbiter.Used:
		r.Arbiter = v.Arbiter.Record.String()
	}
	return r
}

// here are those of some addresses that this machine has.
func here(addresses []netip.Addr) (found []netip.Addr, err error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	for _, a := range all {
		prefix, err := netip.ParsePrefix(a.String())
		if err == nil && slices.Contains(addresses, prefix.Addr()) {
			found = append(found, prefix.Addr())
		}
	}
	return found, nil
}

// String is the report for people.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "server %s, peer %s: named %s\n", r.Self, orNone(r.Peer), map[bool]string{true: "answers", false: "does NOT answer"}[r.Answers])
	switch {
	case r.Away:
		fmt.Fprintf(&b, "virtual addresses: handed over; debvisor dns handover --return lets them come back\n")
	case len(r.VIP) > 0:
		fmt.Fprintf(&b, "virtual addresses: %d of %d are here\n", len(r.Here), len(r.VIP))
	}
	if r.Unheard != "" {
		fmt.Fprintf(&b, "at the virtual address named does NOT answer: %s\n", r.Unheard)
	}
	fmt.Fprintf(&b, "key %s%s\n", r.Key, since(r.KeySince))
	for _, z := range r.Zones {
		b.WriteString(z.String())
	}
	for _, u := range r.Unconfirmed {
		fmt.Fprintf(&b, "records that the pair lacks: %s\n", u)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func since(t time.Time) string {
	if t.IsZero() {
		return ", never rotated"
	}
	return fmt.Sprintf(", in use for %s", time.Since(t).Round(time.Minute))
}

func orNone(a netip.Addr) string {
	if !a.IsValid() {
		return "none"
	}
	return a.String()
}

func (z ZoneReport) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s for %s (%s)\n", z.Zone, z.Role, time.Since(z.Since).Round(time.Second), z.Why)
	if z.Epoch == 0 {
		fmt.Fprintf(&b, "  nobody has written yet\n")
	} else {
		members := make([]string, len(z.Members))
		for i, m := range z.Members {
			members[i] = m.String()
		}
		fmt.Fprintf(&b, "  epoch %d, writer %s, members %s; serial %d\n", z.Epoch, z.Writer, strings.Join(members, " "), z.Serial)
	}
	if z.PeerState != "" {
		fmt.Fprintf(&b, "  the peer %s, with epoch %d and serial %d; %d changes apart\n", z.PeerState, z.PeerEpoch, z.PeerSerial, z.Lag)
	}
	if z.Arbiter != "" {
		fmt.Fprintf(&b, "  the arbiter: %s\n", z.Arbiter)
	}
	for _, t := range [][2]string{{"trouble", z.Trouble}, {"asking the peer", z.PeerError}, {"asking the arbiter", z.NoArbiter}} {
		if t[1] != "" {
			fmt.Fprintf(&b, "  %s: %s\n", t[0], t[1])
		}
	}
	return b.String()
}
