package addrset_test

import (
	"math/big"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"debvisor/internal/blocklist/addrset"
	"debvisor/internal/blocklist/addrset/sample"
)

// bigRange is a range as numbers of any size, for an oracle that shares nothing with the package.
type bigRange struct{ first, last *big.Int }

var one = big.NewInt(1)

func number(a netip.Addr) *big.Int { return new(big.Int).SetBytes(a.AsSlice()) }

// bigList reads addresses and prefixes.
func bigList(t *testing.T, list []byte) []bigRange {
	t.Helper()
	var all []bigRange
	for line := range strings.Lines(string(list)) {
		entry, _, _ := strings.Cut(line, "#")
		if entry = strings.TrimSpace(entry); entry == "" {
			continue
		}
		if !strings.Contains(entry, "/") {
			entry += "/128"
		}
		p := netip.MustParsePrefix(entry)
		size := new(big.Int).Lsh(one, uint(p.Addr().BitLen()-p.Bits()))
		first := number(p.Masked().Addr())
		last := new(big.Int).Add(first, size)
		all = append(all, bigRange{first, last.Sub(last, one)})
	}
	return all
}

// merged sorts and joins.
func merged(all []bigRange) []bigRange {
	slices.SortFunc(all, func(a, b bigRange) int { return a.first.Cmp(b.first) })
	var out []bigRange
	for _, r := range all {
		if n := len(out); n > 0 && r.first.Cmp(new(big.Int).Add(out[n-1].last, one)) <= 0 {
			if r.last.Cmp(out[n-1].last) > 0 {
				out[n-1].last = r.last
			}
			continue
		}
		out = append(out, r)
	}
	return out
}

// without takes merged holes from merged ranges.
func without(all, holes []bigRange) []bigRange {
	var out []bigRange
	for _, r := range all {
		for len(holes) > 0 && holes[0].last.Cmp(r.first) < 0 {
			holes = holes[1:]
		}
		first := r.first
		for _, h := range holes {
			if h.first.Cmp(r.last) > 0 {
				break
			}
			if h.first.Cmp(first) > 0 {
				out = append(out, bigRange{first, new(big.Int).Sub(h.first, one)})
			}
			first = new(big.Int).Add(h.last, one)
		}
		if first.Cmp(r.last) <= 0 {
			out = append(out, bigRange{first, r.last})
		}
	}
	return out
}

func TestLargeListsOfIPv6AgreeWithBigNumbers(t *testing.T) {
	for seed := range uint64(3) {
		const lines = 30_000
		block, allow := sample.Block6(lines, seed), sample.Allow6(3000, lines, seed)
		got := read(t, string(block)).Except(read(t, string(allow)))
		want := without(merged(bigList(t, block)), merged(bigList(t, allow)))
		if len(got.V6) != len(want) || len(want) < lines/2 {
			t.Fatalf("seed %d: %d ranges, not %d", seed, len(got.V6), len(want))
		}
		for i, r := range got.V6 {
			if number(r.First.Netip()).Cmp(want[i].first) != 0 || number(r.Last.Netip()).Cmp(want[i].last) != 0 {
				t.Fatalf("seed %d: range %d is %s", seed, i, r)
			}
		}
		checkCover(t, got)
	}
}

// checkCover holds the prefixes against the ranges: in order, without a gap, and no two that are halves of one.
func checkCover(t *testing.T, s addrset.Set) {
	t.Helper()
	var got []bigRange
	var before netip.Prefix
	for p := range s.Prefixes() {
		if before.IsValid() && before.Bits() == p.Bits() && before.Bits() > 0 {
			a, _ := before.Addr().Prefix(p.Bits() - 1)
			if b, _ := p.Addr().Prefix(p.Bits() - 1); a == b {
				t.Fatalf("%s and %s are one", before, p)
			}
		}
		if p != p.Masked() {
			t.Fatalf("%s has host bits", p)
		}
		before = p
		got = append(got, bigList(t, []byte(p.String()))...)
	}
	i := 0
	for _, r := range merged(got) {
		if number(s.V6[i].First.Netip()).Cmp(r.first) != 0 || number(s.V6[i].Last.Netip()).Cmp(r.last) != 0 {
			t.Fatalf("the prefixes of range %d are not %s", i, s.V6[i])
		}
		i++
	}
	if i != len(s.V6) {
		t.Fatalf("the prefixes are %d ranges, not %d", i, len(s.V6))
	}
}

// Operations over lists as large as the kernel's, held against the laws of sets.
func TestLargeSetsKeepTheLaws(t *testing.T) {
	for _, f := range []struct {
		block func(int, uint64) []byte
		allow func(int, int, uint64) []byte
	}{{sample.Block4, sample.Allow4}, {sample.Block6, sample.Allow6}} {
		a := read(t, string(f.block(20_000, 1)))
		b := read(t, string(f.allow(5_000, 20_000, 1))).Union(read(t, string(f.block(10_000, 2))))
		c := read(t, string(f.block(500, 1))).Union(read(t, string(f.allow(500, 10_000, 2))))
		for name, same := range map[string][2]addrset.Set{
			"union commutes":     {a.Union(b), b.Union(a)},
			"intersect commutes": {a.Intersect(b), b.Intersect(a)},
			"except of except":   {a.Except(a.Except(b)), a.Intersect(b)},
			"distributes":        {a.Intersect(b.Union(c)), a.Intersect(b).Union(a.Intersect(c))},
			"de morgan":          {a.Except(b.Union(c)), a.Except(b).Except(c)},
			"apart and together": {a.Except(c).Union(a.Intersect(c)), a},
			"elements":           {a.ElementsNotIn(b).Union(a.Except(a.ElementsNotIn(b))), a},
		} {
			if !same[0].Equal(same[1]) || same[0].Digest() != same[1].Digest() || same[0].IsEmpty() {
				t.Error(name)
			}
			if wrong := notCanonical(same[0]); wrong != "" {
				t.Errorf("%s: %s", name, wrong)
			}
		}
	}
}

func TestElementsNotIn(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		listA, _ := worlds[1].random(rnd)
		listB, _ := worlds[1].random(rnd)
		a, b := read(t, listA+"2001:db8::1\n2001:db8::10/126\n"), read(t, listB+"2001:db8::/125\n2001:db8::10/126\n")
		var want []addrset.Range4
		for _, r := range a.V4 {
			if !slices.Contains(b.V4, r) {
				want = append(want, r)
			}
		}
		got := a.ElementsNotIn(b)
		if !slices.Equal(got.V4, want) || len(got.V6) != 1 || got.V6[0].String() != "2001:db8::1" {
			t.Fatalf("of\n%s\nwhich are not in\n%s\ngot %v", listA, listB, got)
		}
	}
}
