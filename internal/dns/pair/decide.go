package pair

import (
	"net/netip"

	"debvisor/internal/dns"
	"debvisor/internal/dns/named"
)

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
	case v.Mine.Wrong != "":
		return v.mend()
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
// by this server, which ended before it could use it, by the peer when it handed over, or for an operator. Any other record
// of that kind is of an epoch that this server had before it lost its disk, and begins nothing.
func (v View) granted() bool {
	r, mine := v.Arbiter.Record, v.Mine.Record
	if !v.Arbiter.Known || r.Writer != v.Self || r.Epoch <= max(mine.Epoch, v.Last.Epoch) {
		return false
	}
	next := mine.Epoch > 0 && r.Epoch == mine.Epoch+1
	forced := r.Epoch >= max(mine.Epoch, v.Last.Epoch)+forcedEpochs && (mine.Epoch > 0 || v.Promote == Forced)
	if !next && !forced {
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
	next := v.solo(max(v.Mine.Record.Epoch, v.Last.Epoch) + 1)
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
	switch {
	case v.overruled() && v.Sees != Answers:
		return Action{Role: named.Secondary, Why: "the arbiter let the peer go on"}
	case v.Role != named.Primary && !v.Went && v.Sees != Answers && !(v.Arbiter.Known && v.Arbiter.Record.Equal(mine)):
		return Action{Role: named.Secondary, Why: "this server wrote alone before it was started, and the peer may have been promoted since: " +
			"it waits for the peer, the arbiter or an operator"}
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
	behind := v.Arbiter.Known && v.Arbiter.Record.Epoch < v.Mine.Record.Epoch
	// What nobody can believe is replaced while both agree, and nobody goes on alone for it.
	wrong := v.Arbiter.Wrong != "" && v.Sees == Answers && v.Theirs.Record.Equal(v.Mine.Record)
	if v.Role == named.Primary && (behind || wrong) {
		a.Swap = &v.Mine.Record
	}
	return a
}

// mayAsk reports whether the arbiter can begin the next epoch. One that lost what it held must not: it could grant an epoch
// for the second time.
// Nor is an epoch granted to a server that had a later one before: who did not may go on.
// Only the writer may find it behind: the other one cannot tell a record that was not brought there from one that is gone.
func (v View) mayAsk() bool {
	r := v.Arbiter.Record
	behind := v.Mine.Record.Writer == v.Self && v.Role != named.Secondary && r.Epoch < v.Mine.Record.Epoch
	return v.Arbiter.Known && r.Epoch > 0 && !Later(v.Last, v.Mine.Record) && (r.Equal(v.Mine.Record) || behind)
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

// overruled reports whether the arbiter knows of a later writer than this server.
func (v View) overruled() bool {
	r := v.Arbiter.Record
	return v.Arbiter.Known && Later(r, v.Mine.Record) && r.Writer != v.Self
}
