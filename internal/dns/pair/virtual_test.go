package pair

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"debvisor/internal/dns/named"
	"debvisor/internal/dns/update"
)

func TestNamedIsToldToLookBeforeTheAddressIsGivenUp(t *testing.T) {
	a := &virtualAddress{}
	got := map[int]remedy{}
	for n := 1; n <= 3*virtualMisses; n++ {
		if r := a.count(n == virtualMisses-1); r != nothing {
			got[n] = r
		}
	}
	// One answer begins the count anew.
	if len(got) != 2 || got[2*virtualMisses-1] != scan || got[3*virtualMisses-1] != giveUp {
		t.Errorf("remedies by number of the question: %v", got)
	}
}

func TestAnAddressThatComesAgainIsNewAgain(t *testing.T) {
	v, vip, now := virtual{}, netip.MustParseAddr("192.0.2.53"), time.Now()
	v.here([]netip.Addr{vip}, now)
	v.here([]netip.Addr{vip}, now.Add(time.Minute))
	if v[vip] == nil || !v[vip].since.Equal(now) {
		t.Errorf("it is here since %v", v[vip])
	}
	v.here(nil, now.Add(2*time.Minute))
	v.here([]netip.Addr{vip}, now.Add(3*time.Minute))
	if len(v) != 1 || !v[vip].since.Equal(now.Add(3*time.Minute)) {
		t.Errorf("it is here since %v", v[vip])
	}
}

// An address that is of no use here goes to a peer that answers, for a while, and to none that does not.
func TestAnAddressIsGivenUpOnlyForAPeerThatAnswers(t *testing.T) {
	now := time.Now()
	z := &zone{view: View{Sees: Answers, Role: named.Secondary}}
	d := &Daemon{zones: []*zone{z}, health: health{good: true}, elsewhere: now.Add(virtualPause)}
	if d.verdict(now) != trackFault {
		t.Error("it stays")
	}
	if d.verdict(now.Add(virtualPause)) != trackGood {
		t.Error("it may not come back")
	}
	if z.view.Sees = Silent; d.verdict(now) != trackGood {
		t.Error("it goes to nobody")
	}
}

// Where both servers make the same mistake each gives the address up once, and then both may have it.
func TestAnAddressIsGivenUpOnce(t *testing.T) {
	vip := netip.MustParseAddr("192.0.2.53")
	for range 2 {
		var log strings.Builder
		d := &Daemon{log: &log, zones: []*zone{{view: View{Sees: Answers, Role: named.Secondary}}}, health: health{good: true}}
		d.remedy(t.Context(), giveUp, vip, update.ErrSilent)
		if d.verdict(time.Now()) != trackFault {
			t.Error("it stays the first time")
		}
		d.elsewhere = time.Time{}
		d.remedy(t.Context(), giveUp, vip, update.ErrSilent)
		if d.verdict(time.Now()) != trackGood || strings.Count(log.String(), "\n") != 1 {
			t.Errorf("it is given up again: %s", log.String())
		}
	}
}
