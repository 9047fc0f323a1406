package kernel

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"debvisor/internal/blocklist/addrset"

	"golang.org/x/sys/unix"
)

// packet is a message from the kernel.
func packet(typ, flags uint16, body []byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(body)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = binary.NativeEndian.AppendUint16(b, flags)
	b = append(b, make([]byte, 8)...)
	b = append(b, body...)
	return append(b, make([]byte, aligned(len(body))-len(body))...)
}

// verdict is an error about the message with the sequence number, followed by more.
func verdict(errno unix.Errno, sequence uint32, more []byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(-int32(errno)))
	b = binary.NativeEndian.AppendUint32(b, 20)
	b = append(b, make([]byte, 4)...)
	b = binary.NativeEndian.AppendUint32(b, sequence)
	b = append(b, make([]byte, 4)...)
	return append(b, more...)
}

func TestErrorsAreTold(t *testing.T) {
	why := appendText(nil, unix.NLMSGERR_ATTR_MSG, "interval overlaps with an existing one")
	for name, c := range map[string]struct {
		packet []byte
		want   string
	}{
		"plain":            {packet(unix.NLMSG_ERROR, unix.NLM_F_CAPPED, verdict(unix.ENOENT, 1, nil)), "add to x: no such file or directory"},
		"with a reason":    {packet(unix.NLMSG_ERROR, unix.NLM_F_CAPPED|unix.NLM_F_ACK_TLVS, verdict(unix.EEXIST, 1, why)), "add to x: interval overlaps with an existing one: file exists"},
		"with the message": {packet(unix.NLMSG_ERROR, unix.NLM_F_ACK_TLVS, verdict(unix.EEXIST, 1, append([]byte{1, 0, 0, 0}, why...))), "add to x: interval overlaps with an existing one: file exists"},
		"not allowed":      {packet(unix.NLMSG_ERROR, 0, verdict(unix.EPERM, 0, nil)), "begin: operation not permitted: this needs root (CAP_NET_ADMIN)"},
		"no nftables":      {packet(unix.NLMSG_ERROR, 0, verdict(unix.EOPNOTSUPP, 0, nil)), "begin: operation not supported: the kernel has no nftables"},
		"of no message":    {packet(unix.NLMSG_ERROR, 0, verdict(unix.EINVAL, 99, nil)), "ask the kernel: invalid argument"},
		"the first counts": {slices.Concat(packet(unix.NLMSG_ERROR, 0, verdict(unix.ENFILE, 1, nil)), packet(unix.NLMSG_ERROR, 0, verdict(unix.EINVAL, 0, nil))), "add to x: too many open files in system"},
		"a list":           {packet(unix.NLMSG_DONE, 0, binary.NativeEndian.AppendUint32(nil, uint32(0xffffffff-uint32(unix.EINTR)+1))), "list the ruleset: interrupted system call"},
		"cut off":          {packet(unix.NLMSG_ERROR, 0, []byte{0xfe, 0xff, 0xff, 0xff}), "ask the kernel: no such file or directory"},
	} {
		t.Run(name, func(t *testing.T) {
			var o outcome
			if err := o.take(c.packet, []string{"begin", "add to x"}, nil); err != nil {
				t.Fatal(err)
			}
			if o.refused == nil || o.refused.Error() != c.want || o.acknowledged {
				t.Errorf("told is %v, not %s", o.refused, c.want)
			}
		})
	}
}

func TestAcknowledgementsAndListsAreTaken(t *testing.T) {
	var o outcome
	var got []uint16
	all := slices.Concat(packet(messageType(3), 0, []byte{1, 0, 0, 0, 9}), packet(messageType(6), unix.NLM_F_DUMP_INTR, make([]byte, 4)),
		packet(unix.NLMSG_DONE, 0, make([]byte, 4)), packet(unix.NLMSG_ERROR, 0, verdict(0, 1, nil)))
	err := o.take(all, nil, func(m message) error {
		got = append(got, m.typ)
		return nil
	})
	if err != nil || !slices.Equal(got, []uint16{3, 6}) || o.refused != nil || !o.acknowledged || !o.done || !o.interrupted {
		t.Errorf("taken %v, %+v, %v", got, o, err)
	}
	stop := errors.New("stop")
	if err := o.take(all, nil, func(message) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the error of the receiver is lost: %v", err)
	}
	if err := o.take(all[:20], nil, func(message) error { return nil }); err == nil {
		t.Error("half a message is taken")
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add(packet(unix.NLMSG_ERROR, unix.NLM_F_ACK_TLVS, verdict(unix.EEXIST, 1, appendText(nil, 1, "x"))))
	b := newBatch(0)
	b.add(sets[1], sets[1].of(addrset.Set{V4: []addrset.Range4{{First: 1, Last: 9}}}))
	f.Add(b.bytes)
	f.Fuzz(func(t *testing.T, data []byte) {
		var o outcome
		s := state{chains: map[string]chainState{}, rules: map[string][]string{}, sets: map[string]setState{}, objects: map[object]bool{}, flowtables: map[string]bool{}}
		err := o.take(data, []string{"x"}, func(m message) error {
			for _, take := range []func(*state, []byte){(*state).takeChain, (*state).takeRule, (*state).takeSet, (*state).takeObject, (*state).takeFlowtable} {
				take(&s, m.body)
			}
			return sets[1].decode(m, func(e element) {
				if e.key.Hi != 0 {
					t.Error("an IPv4 address has 32 bits")
				}
			})
		})
		if err != nil && strings.TrimSpace(err.Error()) == "" {
			t.Error("an error without words")
		}
	})
}

func TestASetThatWasReadIsCompared(t *testing.T) {
	at := func(n uint64, end bool) element { return element{key: addrset.Addr6{Lo: n}, end: end} }
	want := addrset.Set{V4: []addrset.Range4{{First: 10, Last: 19}, {First: 30, Last: 39}}}
	whole := []element{at(30, false), at(20, true), at(40, true), at(10, false)}
	for name, c := range map[string]struct {
		found []element
		want  string
	}{
		"equal":               {whole, ""},
		"with nft's floor":    {append([]element{at(0, true)}, whole...), ""},
		"nothing":             {nil, "lacks 0.0.0.10"},
		"one missing":         {[]element{at(10, false), at(20, true)}, "lacks 0.0.0.30"},
		"one foreign":         {append([]element{at(50, false), at(60, true)}, whole...), "holds a foreign 0.0.0.50"},
		"one foreign first":   {append([]element{at(1, false), at(2, true)}, whole...), "holds a foreign 0.0.0.1"},
		"another end":         {[]element{at(10, false), at(21, true), at(30, false), at(40, true)}, "lacks 0.0.0.20"},
		"no end":              {[]element{at(10, false), at(30, false), at(40, true)}, "lacks 0.0.0.20"},
		"all addresses":       {append([]element{{all: true}}, whole...), "holds all addresses"},
		"all addresses alone": {[]element{{all: true}}, "holds all addresses"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := sets[1].differs(slices.Clone(c.found), sets[1].of(want)); got != c.want {
				t.Errorf("told is %q, not %q", got, c.want)
			}
		})
	}
	if got := sets[1].differs([]element{{all: true}}, sets[1].of(addrset.Set{})); got != "holds all addresses" {
		t.Errorf("of an empty list, told is %q", got)
	}
}
