package addrset_test

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"debvisor/internal/blocklist/addrset"
	"debvisor/internal/blocklist/addrset/sample"
)

func TestOf(t *testing.T) {
	var prefixes []netip.Prefix
	for _, p := range []string{"10.1.2.3/8", "192.0.2.1/32", "::ffff:198.51.100.0/120", "2001:db8::1/32", "2001:db8::/33"} {
		prefixes = append(prefixes, netip.MustParsePrefix(p))
	}
	prefixes = append(prefixes, netip.Prefix{}, netip.PrefixFrom(netip.MustParseAddr("1.2.3.4"), 33))
	if got := text(t, addrset.Of(prefixes...)); got != "10.0.0.0/8\n192.0.2.1\n198.51.100.0/24\n2001:db8::/32\n" {
		t.Errorf("got\n%s", got)
	}
	if !addrset.Of().IsEmpty() || !addrset.Of().Equal(addrset.Set{}) {
		t.Error("nothing is not the empty set")
	}
}

func TestContains(t *testing.T) {
	s := read(t, "10.0.0.0/8\n2001:db8::/32\nfe80::1")
	for addr, want := range map[string]bool{
		"10.0.0.0": true, "10.255.255.255": true, "9.255.255.255": false, "11.0.0.0": false,
		"::ffff:10.1.2.3": true, "::10.1.2.3": false, "2001:db8::": true, "2001:db9::": false, "fe80::1%eth0": true, "fe80::2": false,
	} {
		if got := s.Contains(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %v", addr, got)
		}
	}
	if s.Contains(netip.Addr{}) || read(t, "0.0.0.0/0\n::/0").Contains(netip.Addr{}) {
		t.Error("contains the invalid address")
	}
	if (addrset.Set{}).Contains(netip.MustParseAddr("0.0.0.0")) {
		t.Error("the empty set contains an address")
	}
}

func TestOperationsLeaveTheirSetsAlone(t *testing.T) {
	a, b := read(t, "10.0.0.0/24\n10.0.2.0/24\n2001:db8::/64"), read(t, "10.0.0.128-10.0.2.3\n2001:db8::1")
	digests := []string{a.Digest(), b.Digest()}
	a.Union(b)
	a.Union(addrset.Set{}).Union(b)
	addrset.Set{}.Union(a).Union(b)
	a.Except(b)
	b.Except(a).Except(a)
	a.Except(addrset.Set{}).Except(b)
	a.Intersect(b)
	a.ElementsNotIn(b)
	if a.Digest() != digests[0] || b.Digest() != digests[1] {
		t.Errorf("now %v and %v", a, b)
	}
}

func TestHostsAndNets(t *testing.T) {
	s := read(t, "10.0.0.1\n10.0.0.3-10.0.0.5\n10.0.0.7\n10.0.0.9\n10.0.0.10\n2001:db8::1\n2001:db8::4/126\n")
	if got := slices.Collect(s.Hosts4()); !slices.Equal(got, []uint32{10<<24 + 1, 10<<24 + 7}) {
		t.Errorf("hosts %v", got)
	}
	if got := slices.Collect(s.Nets4()); !slices.Equal(got, []addrset.Range4{{First: 10<<24 + 3, Last: 10<<24 + 5}, {First: 10<<24 + 9, Last: 10<<24 + 10}}) {
		t.Errorf("nets %v", got)
	}
	db8 := uint64(0x2001_0db8 << 32)
	if got := slices.Collect(s.Hosts6()); !slices.Equal(got, []addrset.Addr6{{Hi: db8, Lo: 1}}) {
		t.Errorf("hosts %v", got)
	}
	if got := slices.Collect(s.Nets6()); !slices.Equal(got, []addrset.Range6{{First: addrset.Addr6{Hi: db8, Lo: 4}, Last: addrset.Addr6{Hi: db8, Lo: 7}}}) {
		t.Errorf("nets %v", got)
	}
	if n := s.Sizes(); n != (addrset.Sizes{Hosts4: 2, Nets4: 2, Hosts6: 1, Nets6: 1}) || n.Total() != 6 {
		t.Errorf("sizes %+v", n)
	}
	want := []string{"10.0.0.1", "10.0.0.3-10.0.0.5", "10.0.0.7", "10.0.0.9-10.0.0.10", "2001:db8::1", "2001:db8::4/126"}
	if got := slices.Collect(s.Ranges()); !slices.Equal(got, want) {
		t.Errorf("ranges %q", got)
	}
}

// A kernel loader walks a million elements.
func TestWalkingElementsTakesNoMemory(t *testing.T) {
	s := read(t, string(sample.Block4(10_000, 1))+string(sample.Block6(10_000, 1)))
	var n addrset.Sizes
	allocs := testing.AllocsPerRun(10, func() {
		n = addrset.Sizes{}
		for range s.Hosts4() {
			n.Hosts4++
		}
		for range s.Nets4() {
			n.Nets4++
		}
		for range s.Hosts6() {
			n.Hosts6++
		}
		for range s.Nets6() {
			n.Nets6++
		}
	})
	if allocs != 0 || n != s.Sizes() || n.Total() != len(s.V4)+len(s.V6) {
		t.Errorf("%v allocations, %+v and not %+v", allocs, n, s.Sizes())
	}
}

// Each of the walks may be left early.
func TestWalksCanBeLeft(t *testing.T) {
	s := read(t, "10.0.0.1\n10.0.0.3-10.0.0.9\n10.0.1.0-10.0.1.6\n10.0.2.1\n::1\n2001:db8::1-2001:db8::8\n2001:db9::1-2001:db9::8\n2001:dba::1")
	var all []string
	for p := range s.Prefixes() {
		all = append(all, p.String())
	}
	for n := range all {
		var some []string
		for p := range s.Prefixes() {
			if some = append(some, p.String()); len(some) > n {
				break
			}
		}
		if !slices.Equal(some, all[:n+1]) {
			t.Errorf("after %d: %q", n, some)
		}
	}
	var ranges int
	for range s.Ranges() {
		if ranges++; ranges == 6 {
			break
		}
	}
	for range s.Hosts4() {
		break
	}
	for range s.Hosts6() {
		break
	}
	for range s.Nets4() {
		break
	}
	for range s.Nets6() {
		break
	}
}

// full takes so many bytes, as a disk does.
type full struct{ room int }

var errFull = errors.New("no space left on device")

func (f *full) Write(b []byte) (int, error) {
	n := min(f.room, len(b))
	f.room -= n
	if n < len(b) {
		return n, errFull
	}
	return n, nil
}

func TestWriteErrorsAreReturned(t *testing.T) {
	s := read(t, string(sample.Block4(20_000, 1))+string(sample.Block6(5_000, 1)))
	size := len(text(t, s))
	for _, room := range []int{0, 1, 100_000, size - 1} {
		n, err := s.WriteTo(&full{room})
		if !errors.Is(err, errFull) || int(n) != room {
			t.Errorf("with room for %d bytes: %d, %v", room, n, err)
		}
	}
	if n, err := s.WriteTo(&full{size}); err != nil || int(n) != size {
		t.Errorf("with room for all: %d, %v", n, err)
	}
}

func TestLinesAreAsTheStandardLibraryWritesThem(t *testing.T) {
	s := read(t, string(sample.Block4(20_000, 2))+string(sample.Block6(5_000, 2))).Except(read(t, string(sample.Allow4(5000, 20_000, 2))))
	lines := strings.Split(text(t, s), "\n")
	for p := range s.Prefixes() {
		want := p.String()
		if p.IsSingleIP() {
			want = p.Addr().String()
		}
		if lines[0] != want {
			t.Fatalf("got %s, want %s", lines[0], want)
		}
		lines = lines[1:]
	}
	if !slices.Equal(lines, []string{""}) {
		t.Errorf("%d lines too many", len(lines)-1)
	}
}

func TestAddr6(t *testing.T) {
	for _, text := range []string{"::", "::1", "2001:db8::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::ffff:1.2.3.4"} {
		a := netip.MustParseAddr(text)
		if got := addrset.Addr6Of(a).Netip(); got != a {
			t.Errorf("%s becomes %s", a, got)
		}
	}
	a, b := addrset.Addr6{Hi: 1, Lo: 2}, addrset.Addr6{Hi: 2, Lo: 1}
	if a.Compare(b) != -1 || b.Compare(a) != 1 || a.Compare(a) != 0 || a.Compare(addrset.Addr6{Hi: 1, Lo: 3}) != -1 {
		t.Error("compares wrongly")
	}
}
