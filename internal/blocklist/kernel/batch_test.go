package kernel

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	"debvisor/internal/blocklist/addrset"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// The golden bytes are for little-endian machines, as all are that DebVisor runs on.

func TestElementsAreEncoded(t *testing.T) {
	top6 := addrset.Addr6{Hi: ^uint64(0), Lo: ^uint64(0)}
	for name, c := range map[string]struct {
		set  set
		span span
		want string
	}{
		"host": {sets[0], span{addrset.Addr6{Lo: 0xc0000201}, addrset.Addr6{Lo: 0xc0000201}},
			"10000180 0c000180 08000100 c0000201"},
		"range, its end exclusive": {sets[1], span{addrset.Addr6{Lo: 0xc0000200}, addrset.Addr6{Lo: 0xc00002ff}},
			"10000180 0c000180 08000100 c0000200" + "18000180 08000300 00000001 0c000180 08000100 c0000300"},
		"range to the last address": {sets[1], span{addrset.Addr6{Lo: 0xf0000000}, addrset.Addr6{Lo: 0xffffffff}},
			"10000180 0c000180 08000100 f0000000"},
		"IPv6 host": {sets[2], span{addrset.Addr6{Hi: 0x20010db8 << 32, Lo: 1}, addrset.Addr6{Hi: 0x20010db8 << 32, Lo: 1}},
			"1c000180 18000180 14000100 20010db8000000000000000000000001"},
		"IPv6 range, its end carried": {sets[3], span{addrset.Addr6{Hi: 0x20010db8 << 32}, addrset.Addr6{Hi: 0x20010db8 << 32, Lo: ^uint64(0)}},
			"1c000180 18000180 14000100 20010db8000000000000000000000000" + "24000180 08000300 00000001 18000180 14000100 20010db8000000010000000000000000"},
		"IPv6 range to the last address": {sets[3], span{addrset.Addr6{Hi: 0xff << 56}, top6},
			"1c000180 18000180 14000100 ff000000000000000000000000000000"},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.set.appendElements(nil, c.span)
			if want := strings.ReplaceAll(c.want, " ", ""); hex.EncodeToString(got) != want {
				t.Errorf("encoded as\n%x, not\n%s", got, want)
			}
		})
	}
}

func TestABatchIsEncoded(t *testing.T) {
	b := newBatch(7)
	b.flush(sets[0])
	const name = "64656276 69736f72 5f626c6f 636b6c69 737400 00"
	want := strings.ReplaceAll("1c000000 1000 0100 00000000 00000000 0000 000a"+"08000100 00000007"+
		"40000000 0e0a 0500 01000000 00000000 0100 0000"+"17000100"+name+"12000200 626c6f63 6b65645f 686f7374 7300 0000"+
		"14000000 1100 0100 02000000 00000000 0000 000a", " ", "")
	if got := hex.EncodeToString(b.seal()); got != want {
		t.Errorf("encoded as\n%s, not\n%s", got, want)
	}
}

// sent is a message as it was encoded.
type sent struct {
	typ, flags uint16
	body       []byte
}

func messagesOf(t *testing.T, b []byte) []sent {
	t.Helper()
	var all []sent
	for len(b) > 0 {
		size := int(binary.NativeEndian.Uint32(b))
		if size < 20 || size > len(b) || size%4 != 0 {
			t.Fatalf("a message of %d bytes where %d are left", size, len(b))
		}
		all = append(all, sent{binary.NativeEndian.Uint16(b[4:]), binary.NativeEndian.Uint16(b[6:]), b[20:size]})
		b = b[size:]
	}
	return all
}

// No list is longer than an attribute can be, none is split within a range, and nothing is lost.
func TestLongListsAreSplit(t *testing.T) {
	for _, s := range sets {
		for _, n := range []uint32{1, 1637, 1638, 1639, 4000, 30000} {
			var list addrset.Set
			for i := range n {
				first, last := i*4, i*4
				if s.ranges {
					last++
				}
				list.V4 = append(list.V4, addrset.Range4{First: first, Last: last})
				list.V6 = append(list.V6, addrset.Range6{First: addrset.Addr6{Lo: uint64(first)}, Last: addrset.Addr6{Lo: uint64(last)}})
			}
			b := newBatch(0)
			b.add(s, s.of(list))
			var found []element
			for _, m := range messagesOf(t, b.bytes)[1:] {
				if attributes := len(attribute(m.body, unix.NFTA_SET_ELEM_LIST_ELEMENTS)); attributes+4 > 0xffff {
					t.Fatalf("a list of %d bytes", attributes)
				}
				before := len(found)
				if err := s.decode(message{body: m.body}, func(e element) { found = append(found, e) }); err != nil {
					t.Fatal(err)
				}
				if s.ranges && (len(found)-before)%2 != 0 {
					t.Error("a range is split")
				}
			}
			if wrong := s.differs(found, s.of(list)); wrong != "" {
				t.Errorf("%s with %d elements %s", s.name, n, wrong)
			}
		}
	}
}

// Only one message is to be answered, and none of what the library would send is missing.
func TestTheLibrarysMessagesAreTaken(t *testing.T) {
	b := newBatch(0)
	s := state{}
	err := b.library(func(c *nftables.Conn) error { return s.repair(c, func(set) int { return 5000 }) })
	if err != nil {
		t.Fatal(err)
	}
	var types []uint16
	answered := 0
	for i, m := range messagesOf(t, b.seal()) {
		if m.flags&(unix.NLM_F_ACK|unix.NLM_F_ECHO) != 0 {
			answered++
		}
		if m.flags&unix.NLM_F_ACK != 0 && i != 20 {
			t.Errorf("message %d is to be answered", i)
		}
		types = append(types, m.typ&0xff)
	}
	want := []uint16{unix.NFNL_MSG_BATCH_BEGIN, unix.NFT_MSG_NEWTABLE}
	for _, run := range []struct {
		n   int
		typ uint16
	}{{4, unix.NFT_MSG_NEWOBJ}, {4, unix.NFT_MSG_NEWSET}, {2, unix.NFT_MSG_NEWCHAIN}, {9, unix.NFT_MSG_NEWRULE}, {1, unix.NFNL_MSG_BATCH_END}} {
		for range run.n {
			want = append(want, run.typ)
		}
	}
	if answered != 1 || len(types) != len(want) {
		t.Fatalf("%d messages are answered, of %v", answered, types)
	}
	for i := range want {
		if types[i] != want[i] {
			t.Errorf("message %d is a %d, not a %d", i, types[i], want[i])
		}
	}
}

func TestHostSetSizeLeavesRoom(t *testing.T) {
	for n, want := range map[int]int{0: 1024, 1: 1024, 819: 1024, 820: 2048, 1638: 2048, 1639: 4096, 714235: 1 << 20, 838860: 1 << 20, 838861: 1 << 21} {
		if got := HostSetSize(n); got != want {
			t.Errorf("for %d hosts there is room for %d, not %d", n, got, want)
		}
	}
}
