package update

import (
	"context"
	"net/netip"
	"testing"
)

// A server that was away and lacks a name answers first. That it does not know the name is no reason not to remove it.
func TestANameIsRemovedAlthoughAServerThatIsBehindLacksIt(t *testing.T) {
	a, b := aPair(t, 0)
	b.set(func() { b.writer = record(2, b, b) })
	if o := register(t, long, b); o.Result != Done {
		t.Fatal(o.Result)
	}
	c := &Client{Servers: []netip.AddrPort{a.at, b.at}, Key: nodeKey}
	ctx, stop := context.WithTimeout(t.Context(), long)
	defer stop()
	change := remove(web, me, "192.0.2.20")
	change.NoPTR = true
	outcomes, err := c.Apply(ctx, change)
	if err != nil || outcomes[0].Result != Done {
		t.Errorf("%v, %v", outcomes[0].Err(), err)
	}
	if b.knows(web) {
		t.Error("the writer still has it")
	}
}
