package addrset

import (
	"bytes"
	"crypto/sha256"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func seeds(f *testing.F) {
	for _, list := range []string{
		"", "\ufeff192.0.2.1\r\n10.0.0.0/8 # x\n\n;\n", "1.2.3.4-1.2.3.9\n::ffff:1.2.3.4\nfe80::1%eth0\n::/0\n",
		"010.0.0.1\n1.2.3.256\n1.2.3.4/33\n1.2.3.4/08\n1.2.3.4/24\n10.1\nbad.example\n255.255.255.255/32\n0.0.0.0/0",
		"2001:db8::/32\n::fffe:ffff:ffff-::1:0:0:0\n::1.2.3.4\n1.2.3.4 1.2.3.5\n1.2.3.4:80\n1.2.3.4/255.0.0.0\n",
	} {
		f.Add([]byte(list))
	}
}

// FuzzParse holds what is read against what each line means alone, without the fast path, and against what it reads back as.
func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, list []byte) {
		var r Reader
		if err := r.Read("list", bytes.NewReader(list)); err != nil {
			t.Fatal(err)
		}
		compare(t, list, &r)
		s := r.Set()
		roundTrip(t, s)
		roundTrip(t, Set{V6: []Range6{{Last: hostMask6(0)}}}.Except(Set{V6: []Range6{mapped}}).Except(s))
		roundTrip(t, Set{V4: []Range4{{Last: 1<<32 - 1}}}.Except(s))
	})
}

// compare reads line by line, the slow way only.
func compare(t *testing.T, list []byte, r *Reader) {
	slow := Reader{MaxRejected: r.MaxRejected}
	slow.file = "list"
	for line := range bytes.Lines(list) {
		slow.line++
		slow.slow(bytes.TrimSuffix(line, []byte("\n")))
	}
	if !slow.Set().Equal(r.Set()) {
		t.Fatalf("got %v, the slow way %v", r.Set(), slow.Set())
	}
	_, entries := r.Counts()
	if lines, _ := r.Counts(); lines != slow.line || entries != slow.gathered.len() || r.rejects != slow.rejects || r.warned != slow.warned {
		t.Fatalf("%d lines, %d entries, %d rejected, %d warnings; the slow way %d, %d, %d, %d",
			lines, entries, r.rejects, r.warned, slow.line, slow.gathered.len(), slow.rejects, slow.warned)
	}
	if !slices.Equal(r.rejected, slow.rejected) || !slices.Equal(r.warnings, slow.warnings) {
		t.Fatalf("rejected %v, warned %v; the slow way %v, %v", r.rejected, r.warnings, slow.rejected, slow.warnings)
	}
	for _, rejected := range r.rejected {
		if rejected.Why == "" || len(rejected.Text) > 83 {
			t.Fatalf("rejected %+v", rejected)
		}
	}
}

// Addresses with a byte or two changed are where a fast path goes wrong.
func TestNearlyAddressesMeanTheSameBothWays(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 8))
	numbers := []string{"0", "1", "9", "10", "19", "25", "99", "100", "199", "200", "249", "250", "255", "256", "260", "300", "999", "00", "01", "010", "0255", "1000", ""}
	ends := []string{"", "", "/0", "/8", "/9", "/24", "/30", "/31", "/32", "/33", "/08", "/", "/320", " ", "\t# x", ";", "\r", "-255.255.255.255", ".1", ":80", "/24 ", "/32#", "/16\r"}
	any := "0123456789./-#;: \t\r\x00\xff:e"
	var list bytes.Buffer
	for range 200_000 {
		line := []byte{}
		for i := range 4 {
			known := 10
			if rnd.IntN(8) == 0 {
				known = len(numbers)
			}
			line = append(line, numbers[rnd.IntN(known)]...)
			if i < 3 {
				line = append(line, '.')
			}
		}
		line = append(line, ends[rnd.IntN(len(ends))]...)
		if rnd.IntN(3) == 0 {
			line[rnd.IntN(len(line))] = any[rnd.IntN(len(any))]
		}
		list.Write(append(line, '\n'))
	}
	r := Reader{MaxRejected: 1 << 20}
	if err := r.Read("list", bytes.NewReader(list.Bytes())); err != nil {
		t.Fatal(err)
	}
	compare(t, list.Bytes(), &r)
	if r.rejects < 10_000 || r.warned < 10_000 || r.gathered.hosts.len() < 10_000 || r.gathered.nets.len() < 10_000 {
		t.Errorf("%d rejected, %d warnings, %d hosts, %d networks: too few to tell", r.rejects, r.warned, r.gathered.hosts.len(), r.gathered.nets.len())
	}
}

func roundTrip(t *testing.T, s Set) {
	var text bytes.Buffer
	if _, err := s.WriteTo(&text); err != nil {
		t.Fatal(err)
	}
	var r Reader
	if err := r.Read("written", bytes.NewReader(text.Bytes())); err != nil {
		t.Fatal(err)
	}
	if r.rejects+r.warned > 0 || !r.Set().Equal(s) {
		t.Fatalf("%v is written as\n%s", s, text.String())
	}
	var named Reader
	if err := named.Read("ranges", strings.NewReader(strings.Join(slices.Collect(s.Ranges()), "\n"))); err != nil {
		t.Fatal(err)
	}
	if named.rejects+named.warned > 0 || !named.Set().Equal(s) {
		t.Fatalf("%v has the ranges %q", s, slices.Collect(s.Ranges()))
	}
	if !Of(slices.Collect(s.Prefixes())...).Equal(s) {
		t.Fatalf("%v has the prefixes %v", s, slices.Collect(s.Prefixes()))
	}
	data, err := s.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var again Set
	if err := again.UnmarshalBinary(data); err != nil || !again.Equal(s) {
		t.Fatalf("%v reads back as %v: %v", s, again, err)
	}
}

// FuzzUnmarshal gives any content its right checksum, or the fuzzer would never get behind that. What is taken must be
// a set, and have this form only.
func FuzzUnmarshal(f *testing.F) {
	for _, list := range []string{"", "0.0.0.0/0\n::/0\n", "10.0.0.1\n10.0.0.3-10.0.0.9\n2001:db8::/32\n2001:db8:1::1"} {
		var r Reader
		if err := r.Read("list", strings.NewReader(list)); err != nil {
			f.Fatal(err)
		}
		f.Add(r.Set().content(), false)
	}
	f.Fuzz(func(t *testing.T, data []byte, as bool) {
		if !as {
			sum := sha256.Sum256(data)
			data = append(data, sum[:]...)
		}
		var s Set
		if s.UnmarshalBinary(data) != nil {
			if !s.IsEmpty() {
				t.Fatalf("an error and %v", s)
			}
			return
		}
		if !Of(slices.Collect(s.Prefixes())...).Equal(s) {
			t.Fatalf("taken, but not canonical: %v", s)
		}
		if again, err := s.MarshalBinary(); err != nil || !bytes.Equal(again, data) {
			t.Fatalf("%v has two forms: %v", s, err)
		}
	})
}
