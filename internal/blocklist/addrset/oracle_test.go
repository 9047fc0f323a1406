package addrset_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"debvisor/internal/blocklist/addrset"
)

// The oracle is a world of 256 addresses, of which it is written down for each whether it is in. The worlds lie where
// arithmetic goes wrong: at both ends of a family, on both sides of the middle, beside the mapped addresses.
type world struct{ first netip.Addr }

var worlds = []world{
	{netip.MustParseAddr("0.0.0.0")},
	{netip.MustParseAddr("10.0.0.0")},
	{netip.MustParseAddr("127.255.255.128")},
	{netip.MustParseAddr("255.255.255.0")},
	{netip.MustParseAddr("::")},
	{netip.MustParseAddr("2001:db8::ffff:ffff:ffff:ff80")},
	{netip.MustParseAddr("::fffe:ffff:ff00")},
	{netip.MustParseAddr("::1:0:0:0")},
	{netip.MustParseAddr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff00")},
}

type members [256]bool

func (w world) addrs() []netip.Addr {
	all := []netip.Addr{w.first}
	for len(all) < 256 {
		all = append(all, all[len(all)-1].Next())
	}
	return all
}

// random is a list of entries of all kinds, and what they mean.
func (w world) random(rnd *rand.Rand) (string, members) {
	var list strings.Builder
	var in members
	addrs := w.addrs()
	for range rnd.IntN(12) {
		a, b := rnd.IntN(256), rnd.IntN(256)
		a, b = min(a, b), max(a, b)
		switch rnd.IntN(4) {
		case 0:
			b = a
			fmt.Fprintln(&list, addrs[a])
		case 1:
			fmt.Fprintf(&list, "%s - %s # some\n", addrs[a], addrs[b])
		default:
			host := rnd.IntN(7)
			p, _ := addrs[a].Prefix(addrs[a].BitLen() - host)
			for a > 0 && p.Contains(addrs[a-1]) {
				a--
			}
			for b = a; b < 255 && p.Contains(addrs[b+1]); {
				b++
			}
			fmt.Fprintln(&list, p)
		}
		for i := a; i <= b; i++ {
			in[i] = true
		}
	}
	return list.String(), in
}

func read(t testing.TB, list string) addrset.Set {
	t.Helper()
	var r addrset.Reader
	if err := r.Read("list", strings.NewReader(list)); err != nil {
		t.Fatal(err)
	}
	if rejected, n := r.Rejected(); n > 0 {
		t.Fatalf("%d rejected, the first is %s", n, rejected[0])
	}
	return r.Set()
}

func text(t testing.TB, s addrset.Set) string {
	t.Helper()
	var b bytes.Buffer
	n, err := s.WriteTo(&b)
	if err != nil || int(n) != b.Len() {
		t.Fatalf("wrote %d of %d bytes: %v", n, b.Len(), err)
	}
	return b.String()
}

func combine(a, b members, f func(a, b bool) bool) members {
	var out members
	for i := range out {
		out[i] = f(a[i], b[i])
	}
	return out
}

func TestEveryOperationAgreesWithTheOracle(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for round := range 1500 {
		w := worlds[round%len(worlds)]
		listA, inA := w.random(rnd)
		listB, inB := w.random(rnd)
		a, b := read(t, listA), read(t, listB)
		for name, c := range map[string]struct {
			got  addrset.Set
			want members
		}{
			"a":             {a, inA},
			"b":             {b, inB},
			"union":         {a.Union(b), combine(inA, inB, func(a, b bool) bool { return a || b })},
			"except":        {a.Except(b), combine(inA, inB, func(a, b bool) bool { return a && !b })},
			"intersect":     {a.Intersect(b), combine(inA, inB, func(a, b bool) bool { return a && b })},
			"either":        {a.Union(b).Except(b.Intersect(a)), combine(inA, inB, func(a, b bool) bool { return a != b })},
			"a except none": {a.Except(addrset.Set{}), inA},
			"a and none":    {addrset.Set{}.Union(a), inA},
		} {
			if wrong := w.differs(t, c.got, c.want); wrong != "" {
				t.Fatalf("%s of\n%s\nand\n%s\nis %s", name, listA, listB, wrong)
			}
		}
		both := combine(inA, inB, func(a, b bool) bool { return a && b })
		if got := a.Overlaps(b); got != slices.Contains(both[:], true) || got != b.Overlaps(a) {
			t.Fatalf("overlap of\n%s\nand\n%s\nis %v", listA, listB, got)
		}
		if a.Equal(b) != (inA == inB) || a.IsEmpty() != (inA == members{}) || (a.Digest() == b.Digest()) != (inA == inB) {
			t.Fatalf("equality of\n%s\nand\n%s", listA, listB)
		}
	}
}

// differs says how the set is not what the oracle says, or not written in the shortest way.
func (w world) differs(t testing.TB, s addrset.Set, want members) string {
	for i, a := range w.addrs() {
		if s.Contains(a) != want[i] {
			return fmt.Sprintf("wrong about %s", a)
		}
	}
	if wrong := notCanonical(s); wrong != "" {
		return wrong
	}
	written := text(t, s)
	if !read(t, written).Equal(s) {
		return "not what it reads back as:\n" + written
	}
	if got := strings.Count(written, "\n"); got != w.fewest(want[:]) {
		return fmt.Sprintf("written in %d lines, not in %d:\n%s", got, w.fewest(want[:]), written)
	}
	prefixes := slices.Collect(s.Prefixes())
	if len(prefixes) != w.fewest(want[:]) || !addrset.Of(prefixes...).Equal(s) {
		return fmt.Sprintf("not %v", prefixes)
	}
	return ""
}

// fewest is how many CIDRs it takes. A world of one prefix ends in 0; the others are two prefixes, which are no pair.
func (w world) fewest(in []bool) int {
	one := len(in) < 256 || w.first.AsSlice()[w.first.BitLen()/8-1] == 0
	switch {
	case !slices.Contains(in, true):
		return 0
	case one && !slices.Contains(in, false):
		return 1
	}
	return w.fewest(in[:len(in)/2]) + w.fewest(in[len(in)/2:])
}

// notCanonical says where the ranges do not ascend, or meet.
func notCanonical(s addrset.Set) string {
	for i, r := range s.V4 {
		if r.Last < r.First || i > 0 && uint64(r.First) < uint64(s.V4[i-1].Last)+2 {
			return fmt.Sprintf("not canonical at %s", r)
		}
	}
	for i, r := range s.V6 {
		if r.Last.Compare(r.First) < 0 || i > 0 && !gap6(s.V6[i-1].Last, r.First) {
			return fmt.Sprintf("not canonical at %s", r)
		}
	}
	return ""
}

// gap6 says whether an address lies between both.
func gap6(a, b addrset.Addr6) bool {
	next := a.Netip().Next()
	return next.IsValid() && next.Less(b.Netip())
}
