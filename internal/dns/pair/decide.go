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

// Copy is a zone as one server has it. Without a record of who writes, the record's epoch is 0.
type Copy struct {
	Record dns.Writer
	Serial uint32
}

// Arbiter is what the third server says.
type Arbiter struct {
	Used   bool       // the pair has one
	Known  bool       // it answers
	Record dns.Writer // what it holds; epoch 0 is nothing
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
	Held       bool // it has been primary without a break since it saw the peer have the same record
	Had        bool // it once had the zone, as its own disk says
	Leave      bool // hand over to the peer
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

// maxLag is how many changes a peer may be behind to become a member: they are there before a client loses patience.
const maxLag = 1000

// forcedEpochs is by how much an operator's promotion goes beyond every record that is known, so that it comes after all that
// the other server may have begun by itself meanwhile.
const forcedEpochs = 1000

// Decide says what a server should do next. The rules keep two promises. What was acknowledged is never lost: an epoch
// begins only on a server that was a member of the one before. And no two servers write on their own at once: an epoch that
// leaves a member out, and one with another writer, needs the arbiter's record to become it, which happens once. Without an
// arbiter only a writer that never ceased to be one begins such an epoch. Both end where an operator forces a promotion.
func Decide(v View) Action {
	mine := v.Mine.Record
	switch {
	case !v.Peer.IsValid():
		return v.alone()
	case v.granted():
		return v.take(v.Arbiter.Record, "the arbiter lets this server go on")
	case v.Promote != None && v.promotable():
		return v.promoted()
	case Later(v.Theirs.Record, mine):
		return Action{Role: named.Secondary, Why: "the peer has a later record"}
	case mine.Epoch == 0:
		return v.birth()
	case mine.Writer == v.Self:
		return v.writer()
	}
	return v.follower()
}

// Later reports whether record a replaces b.
func Later(a, b dns.Writer) bool {
	return a.Epoch > b.Epoch || a.Epoch == b.Epoch && b.Writer.Less(a.Writer)
}

// granted reports whether the arbiter's record makes this server the writer of an epoch that is yet to begin. It was put there
// by this server, which ended before it could use it, or by the peer when it handed over.
func (v View) granted() bool {
	r := v.Arbiter.Record
	if !v.Arbiter.Known || r.Writer != v.Self || !Later(r, v.Mine.Record) {
		return false
	}
	return Later(r, v.Theirs.Record) || v.Sees != Answers && r.Equal(v.Theirs.Record)
}

// take writes a record that makes this server the writer.
func (v View) take(next dns.Writer, why string) Action {
	if v.Role == named.Secondary {
		return Action{Role: named.Closed, Why: why}
	}
	return Action{Role: v.Role, Write: &next, Why: why}
}

func (v View) stay(why string) Action { return Action{Role: v.Role, Why: why} }

func (v View) solo(epoch uint32) dns.Writer {
	return dns.Writer{Epoch: epoch, Writer: v.Self, Members: []netip.Addr{v.Self}}
}

// alone is for a server whose settings have no peer: whoever was one is gone for good.
func (v View) alone() Action {
	next := v.solo(v.Mine.Record.Epoch + 1)
	if now := v.solo(v.Mine.Record.Epoch); v.Mine.Record.Epoch > 0 && v.Mine.Record.Equal(now) || v.Role != named.Primary {
		return Action{Role: named.Primary, Why: "there is no peer"}
	}
	return Action{Role: named.Primary, Write: &next, Why: "there is no peer"}
}

// birth begins the first epoch. A peer that does not answer could have begun one already, and so could an arbiter know of one.
func (v View) birth() Action {
	switch {
	case !v.First:
		return Action{Role: named.Secondary, Why: "nobody has written yet, and the other server begins"}
	case !v.Alive:
		return Action{Role: named.Secondary, Why: "nobody has written yet, and the peer does not answer"}
	case v.Arbiter.Used && !v.Arbiter.Known:
		return Action{Role: named.Secondary, Why: "nobody has written yet, and the arbiter does not answer"}
	case v.Arbiter.Record.Epoch > 0:
		return Action{Role: named.Secondary, Why: "the zone is gone: the arbiter knows that somebody wrote to it"}
	case v.Had:
		return Action{Role: named.Secondary, Why: "the zone is gone: this server had it, and only an operator begins it anew"}
	}
	return v.take(v.solo(1), "the zone begins")
}

// writer is for the server that its own record says writes.
func (v View) writer() Action {
	mine := v.Mine.Record
	switch {
	case mine.Equal(v.solo(mine.Epoch)):
		return v.soloist()
	case v.missing() || v.Sees == Silent:
		return v.shrink()
	case v.Sees == Quiet:
		return v.stay("the peer does not answer")
	case v.Leave && v.Theirs.Record.Equal(mine):
		return v.leave()
	}
	return v.primary("both have the zone")
}

// missing reports whether a member is no server of this pair any more.
func (v View) missing() bool {
	for _, m := range v.Mine.Record.Members {
		if m != v.Self && m != v.Peer {
			return true
		}
	}
	return false
}

func (v View) soloist() Action {
	mine := v.Mine.Record
	if v.overruled() && v.Sees != Answers {
		return Action{Role: named.Secondary, Why: "the arbiter let the peer go on"}
	}
	near := v.Theirs.Record.Equal(mine) && v.Mine.Serial-v.Theirs.Serial <= maxLag
	if v.Sees != Answers || !near || v.Role != named.Primary {
		return v.primary("this server is the only one that is complete")
	}
	// Who becomes a member with this record becomes one with everything before it: it comes with the data.
	next := dns.Writer{Epoch: mine.Epoch + 1, Writer: v.Self, Members: []netip.Addr{v.Self, v.Peer}}
	return Action{Role: v.Role, Write: &next, Why: "the peer has the zone"}
}

// primary is for a server that may write, and tells the arbiter of a record that it could not tell before.
func (v View) primary(why string) Action {
	a := Action{Role: named.Primary, Why: why}
	if v.Role == named.Primary && v.Arbiter.Known && v.Arbiter.Record.Epoch < v.Mine.Record.Epoch {
		a.Swap = &v.Mine.Record
	}
	return a
}

// mayAsk reports whether the arbiter can begin the next epoch. One that lost what it held must not: it could grant an epoch
// for the second time.
// Only the writer may find it behind: the other one cannot tell a record that was not brought there from one that is gone.
func (v View) mayAsk() bool {
	r := v.Arbiter.Record
	behind := v.Mine.Record.Writer == v.Self && v.Role != named.Secondary && r.Epoch < v.Mine.Record.Epoch
	return v.Arbiter.Known && r.Epoch > 0 && (r.Equal(v.Mine.Record) || behind)
}

func (v View) shrink() Action {
	next := v.solo(v.Mine.Record.Epoch + 1)
	why := "the peer is silent"
	switch {
	case !v.Arbiter.Used && v.missing() && v.Role != named.Primary:
		return Action{Role: named.Primary, Why: "the peer is another one"}
	case !v.Arbiter.Used && v.Role == named.Primary && (v.Held || v.missing()):
		return Action{Role: v.Role, Write: &next, Why: why}
	case !v.Arbiter.Used: // the peer may have been promoted since this server wrote last
		return Action{Role: named.Secondary, Why: "the peer is silent, and this server was started since: it waits for the peer or for an operator"}
	case v.mayAsk():
		return Action{Role: v.Role, Swap: &next, Why: why}
	case v.Role == named.Primary:
		return Action{Role: named.Closed, Why: "the peer is silent, and the arbiter does not let this server go on alone"}
	}
	return v.stay("the peer is silent, and the arbiter does not let this server go on alone")
}

// leave hands over to a peer that has everything: nothing may be written any more from before it is seen to have it.
func (v View) leave() Action {
	next := dns.Writer{Epoch: v.Mine.Record.Epoch + 1, Writer: v.Peer, Members: []netip.Addr{v.Self, v.Peer}}
	why := "handing over"
	done := v.Arbiter.Known && v.Arbiter.Record.Equal(next)
	switch {
	case v.Arbiter.Used && !done && !v.mayAsk():
		return v.primary("handing over needs the arbiter")
	case v.Role != named.Closed:
		return Action{Role: named.Closed, Why: why}
	case v.Theirs.Serial != v.Mine.Serial:
		return v.stay(why)
	case !v.Arbiter.Used || done:
		return Action{Role: v.Role, Write: &next, Why: why}
	}
	return Action{Role: v.Role, Swap: &next, Why: why}
}

// follower is for a server whose own record says that another one writes.
func (v View) follower() Action {
	mine := v.Mine.Record
	switch {
	case v.Sees == Silent && mine.Has(v.Self) && v.mayAsk():
		next := v.solo(mine.Epoch + 1)
		return Action{Role: v.Role, Swap: &next, Why: "the writer is silent"}
	case v.Sees == Silent:
		return Action{Role: named.Secondary, Why: "the writer is silent, and this server may not go on alone"}
	case v.Role != named.Secondary && Later(mine, v.Theirs.Record):
		return Action{Role: named.Closed, Why: "the peer does not know yet that it writes"}
	}
	return Action{Role: named.Secondary, Why: "the peer writes"}
}

// promotable reports whether there is something that a promotion changes: this server does not write, or may not go on.
func (v View) promotable() bool {
	mine := v.Mine.Record
	if mine.Writer != v.Self || Later(v.Theirs.Record, mine) {
		return true
	}
	waits := !mine.Equal(v.solo(mine.Epoch)) || v.overruled()
	return v.Promote == Forced && v.Sees == Silent && v.Role != named.Primary && waits
}

// overruled reports whether the arbiter knows of a later writer than this server.
func (v View) overruled() bool {
	r := v.Arbiter.Record
	return v.Arbiter.Known && Later(r, v.Mine.Record) && r.Writer != v.Self
}

// promoted makes this server the writer because an operator says so.
func (v View) promoted() Action {
	epoch := max(v.Mine.Record.Epoch, v.Theirs.Record.Epoch, v.Arbiter.Record.Epoch)
	next := v.solo(epoch + forcedEpochs)
	why := "an operator promotes this server"
	switch {
	case v.Promote == Asked && v.Refusal() != "":
		return v.stay(v.Refusal())
	case v.Promote == Asked && v.Arbiter.Used:
		return v.follower()
	case v.Arbiter.Known:
		return Action{Role: v.Role, Swap: &next, Why: why}
	}
	return v.take(next, why)
}

// Refusal says why an operator's promotion needs force, or "".
func (v View) Refusal() string {
	switch {
	case v.Sees != Silent:
		return "the peer answers: let it hand over"
	case Later(v.Theirs.Record, v.Mine.Record):
		return "the peer had a later record when it was seen last, so this server lacks changes"
	case !v.Mine.Record.Has(v.Self):
		return "this server does not have everything: the peer went on alone"
	case !v.Arbiter.Used:
		return "there is no arbiter, so the peer may be alive and write alone"
	case v.Arbiter.Used && !v.Arbiter.Known:
		return "the arbiter does not answer, so the peer may be alive and be let go on"
	case v.Arbiter.Used && !v.mayAsk():
		return "the arbiter let the peer go on alone, so this server lacks changes"
	}
	return ""
}
