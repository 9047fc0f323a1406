package pair

import (
	"fmt"

	"debvisor/internal/dns"
	"debvisor/internal/dns/named"
)

// maxJump is by how many epochs a record may be ahead of the last one that a server had. While it was away the other one began
// one or two by itself, and a thousand with each promotion by force: a record that is further ahead is broken, or a lie.
const maxJump = 1 << 20

// believable is an error when no history leads from one record to another.
func believable(next, last dns.Writer) error {
	if last.Epoch > 0 && next.Epoch > last.Epoch && next.Epoch-last.Epoch > maxJump {
		return fmt.Errorf("%w: it says %q after epoch %d", dns.ErrWriter, next, last.Epoch)
	}
	return nil
}

// mend is for a zone whose record of who writes cannot be believed. Who has been its writer without a break puts back what
// it said; otherwise the peer may have a better one, or an operator says who goes on.
func (v View) mend() Action {
	switch theirs := v.Theirs.Record; {
	case v.Held && v.Role == named.Primary && v.Last.Writer == v.Self && !(v.Sees == Answers && Later(theirs, v.Last)):
		return Action{Role: v.Role, Write: &v.Last, Why: v.Mine.Wrong}
	case v.Sees == Answers && theirs.Epoch > 0 && !Later(v.Last, theirs):
		return Action{Role: named.Secondary, Why: v.Mine.Wrong + ": the peer has a better one"}
	}
	return v.stay(v.Mine.Wrong + ": it waits for the peer to have a better one, or for debvisor dns promote --force")
}

// promotable reports whether there is something that a promotion changes: this server does not write, or may not go on.
func (v View) promotable() bool {
	mine := v.Mine.Record
	if mine.Writer != v.Self || Later(v.Theirs.Record, mine) {
		return true
	}
	waits := !mine.Equal(v.solo(mine.Epoch)) || v.overruled() || v.Role == named.Secondary
	return v.Promote == Forced && v.Sees == Silent && v.Role != named.Primary && waits
}

// promoted makes this server the writer because an operator says so.
func (v View) promoted() Action {
	epoch := max(v.Mine.Record.Epoch, v.Theirs.Record.Epoch, v.Arbiter.Record.Epoch, v.Last.Epoch)
	next := v.solo(epoch + forcedEpochs)
	why := "an operator promotes this server"
	switch {
	case v.Promote == Asked && v.Refusal() != "":
		return v.stay(v.Refusal())
	case v.Promote == Asked && v.Arbiter.Used:
		return v.follower()
	case v.Arbiter.Known || v.Arbiter.Wrong != "":
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
	case !v.Arbiter.Known:
		return "the arbiter does not answer, so the peer may be alive and be let go on"
	case v.Arbiter.Record.Epoch < v.Mine.Record.Epoch:
		return "the arbiter does not know of this epoch, so it cannot tell whether the peer went on"
	case !v.mayAsk():
		return "the arbiter let the peer go on alone, so this server lacks changes"
	}
	return ""
}
