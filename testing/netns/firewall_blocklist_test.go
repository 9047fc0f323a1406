package netns

import (
	"regexp"
	"testing"
	"time"

	"debvisor/internal/blocklist"
	"debvisor/internal/blocklist/addrset"
	"debvisor/internal/nft"
)

var tableHandle = regexp.MustCompile(`table inet debvisor_blocklist \{ # handle \d+`)

// blocklistHandle is the table with its number, which a table that was made anew does not keep.
func (l *lab) blocklistHandle(t *testing.T) string {
	t.Helper()
	return tableHandle.FindString(l.nft(t, "-a", "list", "table", "inet", "debvisor_blocklist"))
}

// Loading the firewall's files loads the blocklist's file with them: what is blocked stays blocked in every moment.
func TestLoadingTheFirewallKeepsBlocking(t *testing.T) {
	l := newLab(t)
	open := nft.Service{Name: "flood", Protocol: "udp", Ports: nft.Ports{First: 9999, Last: 9999}}
	l.apply(t, with(management, open))
	count := l.count(t, 9999)
	sent := l.flood(t, 9999)
	if !until(func() bool { return count() > 0 }) {
		t.Fatal("nothing of the flood arrives: the lab is broken")
	}
	l.write(t, nft.DropInDir+"/10-blocklist.conf", blocklist.Conf(addrset.Of(networks("10.91.0.2/32", "fd91::/64", "192.0.2.0/24")...)))
	if err := nft.Load(t.Context(), l.Host); err != nil {
		t.Fatal(err)
	}
	table := l.blocklistHandle(t)
	before := settled(count)
	sentBefore, loads := sent(), 0
	for ; loads < 30 || sent()-sentBefore < 2000; loads++ {
		if err := nft.Load(t.Context(), l.Host); err != nil {
			t.Fatal(err)
		}
		l.apply(t, with(management, open)) // what the blocklist's file says is no change of the firewall
	}
	if leaked := count() - before; leaked > 0 {
		t.Errorf("%d of %d packets of blocked sources went through in %d loads", leaked, sent()-sentBefore, loads)
	}
	if after := l.blocklistHandle(t); table == "" || after != table {
		t.Errorf("the table was %q and is %q", table, after)
	}
}

// settled waits for datagrams that came before they were blocked and are still to be counted.
func settled(count func() int64) int64 {
	for last := count(); ; {
		time.Sleep(100 * time.Millisecond)
		now := count()
		if now == last {
			return now
		}
		last = now
	}
}

// A change of the firewall does not read the blocklist again: with a million entries that would take seconds.
func TestAChangeOfTheFirewallLeavesTheBlocklistAlone(t *testing.T) {
	l := newLab(t)
	l.write(t, nft.DropInDir+"/10-blocklist.conf", blocklist.Conf(addrset.Of(networks("192.0.2.1/32")...)))
	l.apply(t, nft.Config{})
	l.write(t, nft.DropInDir+"/10-blocklist.conf", "this is no rule\n")
	l.apply(t, management)
	if l.blocklistHandle(t) == "" {
		t.Error("the blocklist's table is gone")
	}
}
