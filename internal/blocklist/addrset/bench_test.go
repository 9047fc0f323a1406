package addrset_test

import (
	"bytes"
	"io"
	"testing"

	"debvisor/internal/blocklist/addrset"
	"debvisor/internal/blocklist/addrset/sample"
)

func gather(b *testing.B, list []byte) *addrset.Reader {
	b.Helper()
	var r addrset.Reader
	if err := r.Read("list", bytes.NewReader(list)); err != nil {
		b.Fatal(err)
	}
	return &r
}

func benchmark(b *testing.B, block, allow []byte) {
	reader := gather(b, block)
	blocked, allowed := reader.Set(), gather(b, allow).Set()
	s := blocked.Except(allowed)
	data := marshal(b, s)
	for _, c := range []struct {
		name string
		run  func()
	}{
		{"read", func() { gather(b, block) }},
		{"set", func() { reader.Set() }},
		{"except", func() { blocked.Except(allowed) }},
		{"union", func() { blocked.Union(s) }},
		{"elements", func() { blocked.ElementsNotIn(s) }},
		{"write", func() {
			if _, err := s.WriteTo(io.Discard); err != nil {
				b.Fatal(err)
			}
		}},
		{"ranges", func() {
			var line []byte
			for _, r := range s.V4 {
				line, _ = r.AppendText(line[:0])
			}
			for _, r := range s.V6 {
				line, _ = r.AppendText(line[:0])
			}
		}},
		{"digest", func() { s.Digest() }},
		{"marshal", func() { marshal(b, s) }},
		{"unmarshal", func() {
			var again addrset.Set
			if err := again.UnmarshalBinary(data); err != nil {
				b.Fatal(err)
			}
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.run()
			}
		})
	}
}

const million = 1_000_000

func BenchmarkIPv4(b *testing.B) {
	benchmark(b, sample.Block4(million, 1), sample.Allow4(10_000, million, 1))
}

func BenchmarkIPv6(b *testing.B) {
	benchmark(b, sample.Block6(million, 1), sample.Allow6(10_000, million, 1))
}
