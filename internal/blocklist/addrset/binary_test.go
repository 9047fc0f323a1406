package addrset_test

import (
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"debvisor/internal/blocklist/addrset"
	"debvisor/internal/blocklist/addrset/sample"
)

// edges has a range at both ends of both families.
const edges = "0.0.0.0\n10.0.0.0/8\n192.0.2.1\n192.0.2.3-192.0.2.9\n255.255.255.255\n" +
	"::\n2001:db8::/32\n2001:db9:1::1\nfffe::/16\nffff:ffff:ffff:ffff:ffff:ffff:ffff:fff0/124\n"

func marshal(t testing.TB, s addrset.Set) []byte {
	t.Helper()
	data, err := s.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestTheBinaryFormReadsBack(t *testing.T) {
	for name, s := range map[string]addrset.Set{
		"nothing":  {},
		"edges":    read(t, edges),
		"all":      read(t, "0.0.0.0/0\n::/0"),
		"no ends":  read(t, "0.0.0.1-255.255.255.254\n::1-ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe"),
		"large":    read(t, string(sample.Block4(100_000, 1))),
		"large v6": read(t, string(sample.Block6(20_000, 1))),
	} {
		data := marshal(t, s)
		got := read(t, "1.2.3.4")
		if err := got.UnmarshalBinary(data); err != nil || !got.Equal(s) {
			t.Errorf("%s: %v", name, err)
		}
		if !slices.Equal(marshal(t, got), data) {
			t.Errorf("%s: has two forms", name)
		}
		if want := hex.EncodeToString(data[len(data)-sha256.Size:]); s.Digest() != want {
			t.Errorf("%s: digest %s, not %s", name, s.Digest(), want)
		}
	}
}

// What nodes have stored must be found unchanged by the next version. The digests were computed by other means.
func TestTheFormIsFixed(t *testing.T) {
	for list, want := range map[string]string{
		"":    "4b30d3ac9fe681098e6406834b29208ebb7702ff5f27d747464bc26b18e8fb52",
		edges: "a5883496eaee726a4d57fc1732984949892a0b04d76aa2a11da45c963d7918fe",
	} {
		if got := read(t, list).Digest(); got != want {
			t.Errorf("got %s", got)
		}
	}
}

func TestTheDigestIsThatOfTheAddresses(t *testing.T) {
	want := read(t, "10.0.0.0/24\n2001:db8::/32").Digest()
	halves := addrset.Of(netip.MustParsePrefix("2001:db8:8000::/33"), netip.MustParsePrefix("10.0.0.200/25"),
		netip.MustParsePrefix("10.0.0.3/25"), netip.MustParsePrefix("2001:db8::/33"))
	cut := read(t, "10.0.0.0/8\n2001:db8::/31").Except(read(t, "10.0.1.0-10.255.255.255\n2001:db9::/32"))
	for _, s := range []addrset.Set{halves, cut, cut.Union(halves), halves.Intersect(cut)} {
		if s.Digest() != want || !slices.Equal(marshal(t, s), marshal(t, halves)) {
			t.Errorf("%v has another digest", s)
		}
	}
}

func TestADamagedFormIsAnError(t *testing.T) {
	data := marshal(t, read(t, edges))
	before := read(t, "192.0.2.1")
	for n := range data {
		check(t, before, data[:n])
		for bit := range 8 {
			damaged := slices.Clone(data)
			damaged[n] ^= 1 << bit
			check(t, before, damaged)
		}
	}
	check(t, before, append(slices.Clone(data), 0))
	check(t, before, nil)
	if err := before.UnmarshalBinary([]byte("addrset\x02")); err == nil || !strings.Contains(err.Error(), "another version") {
		t.Errorf("another version: %v", err)
	}
}

// check wants an error, and the set as it was.
func check(t *testing.T, s addrset.Set, data []byte) {
	t.Helper()
	if err := s.UnmarshalBinary(data); err == nil || text(t, s) != "192.0.2.1\n" {
		t.Fatalf("%q is taken, or changed the set to %v: %v", data, s, err)
	}
}

// signed is content with its right checksum, as only a malicious or a faulty writer would make it.
func signed(content string) []byte {
	content = "addrset\x01" + content
	sum := sha256.Sum256([]byte(content))
	return append([]byte(content), sum[:]...)
}

func TestAWrongContentWithARightChecksumIsAnError(t *testing.T) {
	most32, most64 := "\xff\xff\xff\xff\x0f", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
	most128 := strings.Repeat("\xff", 18) + "\x03"
	for name, content := range map[string]string{
		"no counts":                 "",
		"one count":                 "\x00",
		"too few ranges":            "\x02\x00\x05\x00",
		"half a range":              "\x01\x00\x05",
		"left over":                 "\x01\x00\x05\x00\x00",
		"no end of a number":        "\x01\x00\x80\x80",
		"a count of no memory":      most64 + "\x00\x05\x00",
		"a count of 128 bits":       most128 + "\x00\x05\x00",
		"a long form of a number":   "\x01\x00\x85\x00\x00",
		"a long form of a count":    "\x81\x00\x00\x05\x00",
		"beyond IPv4":               "\x01\x00\x80\x80\x80\x80\x10\x00",
		"ends beyond IPv4":          "\x01\x00\x01" + most32,
		"64 bits in IPv4":           "\x01\x00\x01" + most64,
		"128 bits in IPv4":          "\x01\x00\x01" + most128,
		"wraps around IPv4":         "\x02\x00" + most32 + "\x00\x00\x00",
		"beyond the last of IPv4":   "\x02\x00\x00" + most32 + "\x00\x00",
		"ends beyond IPv6":          "\x00\x01\x01" + most128,
		"129 bits":                  "\x00\x01" + strings.Repeat("\xff", 18) + "\x04\x00",
		"wraps around IPv6":         "\x00\x02" + most128 + "\x00\x00\x00",
		"beyond the last of IPv6":   "\x00\x02\x00" + most128 + "\x00\x00",
		"the gap wraps around IPv6": "\x00\x02\x05\x00" + most128 + "\x00",
		"mapped":                    "\x00\x01\x80\x80\x80\x80\xf0\xff\x3f\x00",
	} {
		check(t, read(t, "192.0.2.1"), signed(content))
		if t.Failed() {
			t.Fatal(name)
		}
	}
	var s addrset.Set
	if err := s.UnmarshalBinary(signed("\x02\x01\x05\x00\x00\x02\x81\x01\x7f")); err != nil || s.V4[1] != (addrset.Range4{First: 7, Last: 9}) || len(s.V6) != 1 {
		t.Errorf("a right one: %v, %v", s, err)
	}
}

func TestRandomDamageIsAnError(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	data := marshal(t, read(t, string(sample.Block4(1000, 1))+string(sample.Block6(1000, 1))))
	for range 2000 {
		damaged := slices.Clone(data[:rnd.IntN(len(data)+1)])
		if len(damaged) > 0 {
			damaged[rnd.IntN(len(damaged))] ^= byte(1 + rnd.IntN(255))
		}
		check(t, read(t, "192.0.2.1"), damaged)
	}
}
