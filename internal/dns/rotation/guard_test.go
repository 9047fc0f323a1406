package rotation

import (
	"errors"
	"testing"

	"debvisor/internal/dns"
	"debvisor/internal/host"
	"debvisor/internal/tsig"
)

// A node with BIND that is a client of other servers has keys of its own too, which those do not know.
func TestAClientDoesNotTakeUpKeysThatNobodyWasAskedAbout(t *testing.T) {
	w := newWorld(t, 1)
	first := w.serial(t)
	m := w.machines[0]
	w.must(m.Need(host.Absent{Path: dns.ClientPath}, host.Absent{Path: dns.ServerPath}))(m)
	next := tsig.New(tsig.Node, first+1)
	own, err := tsig.ServerKeys(m.Host)
	if err != nil {
		t.Fatal(err)
	}
	w.must(m.Need(tsig.ServerFile(tsig.Node, append(own[tsig.Node], next))))(m)
	if n, err := w.as(m).ProveClient(t.Context(), []tsig.Key{next}, 0); err != nil || n != 0 {
		t.Errorf("a node alone: %d, %v", n, err)
	}
	fleet := tsig.New(tsig.Node, first)
	w.must(m.Need(tsig.ClientFile(fleet)))(m)
	if _, err := w.as(m).ProveClient(t.Context(), []tsig.Key{next}, 0); !errors.Is(err, ErrUnproven) {
		t.Errorf("got %v", err)
	}
	if _, err := w.as(m).ProveClient(t.Context(), []tsig.Key{tsig.New(tsig.Node, first+2)}, 0); err != nil {
		t.Errorf("a key of the servers that it is a client of: %v", err)
	}
}
