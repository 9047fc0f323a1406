package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"

	"debvisor/internal/blocklist/addrset"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// batch is one transaction, which the kernel does as a whole or not at all: the bytes of its messages.
type batch struct {
	bytes []byte
	doing []string // what each message does, for errors; its index is the message's sequence number
	last  int      // where the last message begins
}

// newBatch begins a transaction. The kernel refuses it unless the ruleset is of this generation; 0 is any.
func newBatch(generation uint32) *batch { return reuse(nil, generation) }

// reuse is newBatch in a buffer that is no longer needed: a long list takes many megabytes.
func reuse(buffer []byte, generation uint32) *batch {
	b := &batch{bytes: buffer[:0]}
	b.begin(unix.NFNL_MSG_BATCH_BEGIN, 0, 0, unix.NFNL_SUBSYS_NFTABLES, "begin")
	if generation != 0 {
		b.bytes = appendNumber(b.bytes, unix.NFNL_BATCH_GENID, generation)
	}
	b.finish()
	return b
}

// seal ends the transaction. Only its last message is answered when all is well: each answer takes room in the receive
// buffer, and a thousand of them overrun it.
func (b *batch) seal() []byte {
	flags := binary.NativeEndian.Uint16(b.bytes[b.last+6:])
	binary.NativeEndian.PutUint16(b.bytes[b.last+6:], flags|unix.NLM_F_ACK)
	b.begin(unix.NFNL_MSG_BATCH_END, 0, 0, unix.NFNL_SUBSYS_NFTABLES, "end")
	b.finish()
	return b.bytes
}

// begin appends the headers of a message, whose content follows.
func (b *batch) begin(typ, flags uint16, family byte, resource uint16, doing string) {
	b.last = len(b.bytes)
	b.bytes = appendMessage(b.bytes, typ, flags, uint32(len(b.doing)), family, resource)
	b.doing = append(b.doing, doing)
}

// finish fills in the length of the message that was begun last.
func (b *batch) finish() {
	binary.NativeEndian.PutUint32(b.bytes[b.last:], uint32(len(b.bytes)-b.last))
}

// appendMessage appends the headers of a message of netfilter; its length is still missing.
func appendMessage(b []byte, typ, flags uint16, sequence uint32, family byte, resource uint16) []byte {
	b = binary.NativeEndian.AppendUint32(b, 0)
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = binary.NativeEndian.AppendUint16(b, flags|unix.NLM_F_REQUEST)
	b = binary.NativeEndian.AppendUint32(b, sequence)
	b = binary.NativeEndian.AppendUint32(b, 0)
	b = append(b, family, 0)
	return binary.BigEndian.AppendUint16(b, resource)
}

// messageType is the type of a message for nftables.
func messageType(n uint16) uint16 { return unix.NFNL_SUBSYS_NFTABLES<<8 | n }

// errCaptured ends the library's sending: its messages are all that is wanted of it.
var errCaptured = errors.New("captured")

// library appends what the library would send. It would send it in a transaction of its own, with an answer to each message
// and buffers that a long list overruns.
func (b *batch) library(fill func(*nftables.Conn) error) error {
	var captured []netlink.Message
	l, err := nftables.New(nftables.WithTestDial(func(sent []netlink.Message) ([]netlink.Message, error) {
		captured = append(captured, sent...)
		return nil, errCaptured
	}))
	if err != nil {
		return err
	}
	if err := fill(l); err != nil {
		return fmt.Errorf("encode a transaction: %w", err)
	}
	if err := l.Flush(); err != nil && !errors.Is(err, errCaptured) {
		return fmt.Errorf("encode a transaction: %w", err)
	}
	for _, m := range captured {
		b.message(m)
	}
	return nil
}

func (b *batch) message(m netlink.Message) {
	if typ := uint16(m.Header.Type); typ>>8 == unix.NFNL_SUBSYS_NFTABLES {
		flags := m.Header.Flags &^ (netlink.Acknowledge | netlink.Echo)
		b.last = len(b.bytes)
		b.bytes = appendMessage(b.bytes, typ, uint16(flags), uint32(len(b.doing)), m.Data[0], 0)
		b.bytes = append(b.bytes, m.Data[4:]...)
		b.doing = append(b.doing, describe(typ))
		b.finish()
	}
}

func describe(typ uint16) string {
	switch typ & 0xff {
	case unix.NFT_MSG_NEWTABLE, unix.NFT_MSG_DELTABLE:
		return "change the table"
	case unix.NFT_MSG_NEWCHAIN, unix.NFT_MSG_DELCHAIN:
		return "change a chain"
	case unix.NFT_MSG_NEWRULE, unix.NFT_MSG_DELRULE:
		return "change a rule"
	case unix.NFT_MSG_NEWSET, unix.NFT_MSG_DELSET:
		return "change a set"
	}
	return "change an object"
}

func (b *batch) add(s set, spans iter.Seq[span]) {
	b.elements(unix.NFT_MSG_NEWSETELEM, unix.NLM_F_CREATE, s, spans, "add to "+s.name)
}

func (b *batch) remove(s set, spans iter.Seq[span]) {
	b.elements(unix.NFT_MSG_DELSETELEM, 0, s, spans, "remove from "+s.name)
}

func (b *batch) flush(s set) {
	b.begin(messageType(unix.NFT_MSG_DELSETELEM), 0, unix.NFPROTO_INET, 0, "flush "+s.name)
	b.bytes = appendText(b.bytes, unix.NFTA_SET_ELEM_LIST_TABLE, table.Name)
	b.bytes = appendText(b.bytes, unix.NFTA_SET_ELEM_LIST_SET, s.name)
	b.finish()
}

// elements appends as many messages as it takes: the length of an attribute, as of the list of elements, has 16 bits.
func (b *batch) elements(n, flags uint16, s set, spans iter.Seq[span], doing string) {
	b.bytes = slices.Grow(b.bytes, count(spans)*s.encoded())
	list := 0 // where the list of elements begins; 0: no message is open
	for sp := range spans {
		if list > 0 && len(b.bytes)-list > maxList-2*maxElement {
			b.closeList(list)
			list = 0
		}
		if list == 0 {
			b.begin(messageType(n), flags, unix.NFPROTO_INET, 0, doing)
			b.bytes = appendText(b.bytes, unix.NFTA_SET_ELEM_LIST_TABLE, table.Name)
			b.bytes = appendText(b.bytes, unix.NFTA_SET_ELEM_LIST_SET, s.name)
			list = len(b.bytes)
			b.bytes = appendHeader(b.bytes, 0, unix.NFTA_SET_ELEM_LIST_ELEMENTS|unix.NLA_F_NESTED)
		}
		b.bytes = s.appendElements(b.bytes, sp)
	}
	if list > 0 {
		b.closeList(list)
	}
}

// encoded is how many bytes an element of the set takes, or the two of a range.
func (s set) encoded() int {
	host := 3*unix.SizeofNlAttr + s.width
	if s.ranges {
		return 2*host + 8
	}
	return host
}

func (b *batch) closeList(list int) {
	binary.NativeEndian.PutUint16(b.bytes[list:], uint16(len(b.bytes)-list))
	b.finish()
}

const (
	maxList    = 0xffff
	maxElement = 36 // the end of an IPv6 range
)

// appendElements appends the element of a host, or the two of a range: its first address and the one behind its last. A
// range to the very last address has no end. Ends come behind their starts, as the kernel wants it.
func (s set) appendElements(b []byte, sp span) []byte {
	b = s.appendElement(b, sp.first, 0)
	if end := next(sp.last); s.ranges && !s.isTop(sp.last) {
		b = s.appendElement(b, end, unix.NFT_SET_ELEM_INTERVAL_END)
	}
	return b
}

func (s set) appendElement(b []byte, key addrset.Addr6, flags uint32) []byte {
	size := 2*unix.SizeofNlAttr + s.width
	if flags != 0 {
		b = appendHeader(b, size+8, unix.NFTA_LIST_ELEM|unix.NLA_F_NESTED)
		b = appendNumber(b, unix.NFTA_SET_ELEM_FLAGS, flags)
	} else {
		b = appendHeader(b, size, unix.NFTA_LIST_ELEM|unix.NLA_F_NESTED)
	}
	b = appendHeader(b, size-unix.SizeofNlAttr, unix.NFTA_SET_ELEM_KEY|unix.NLA_F_NESTED)
	b = appendHeader(b, s.width, unix.NFTA_DATA_VALUE)
	return s.appendKey(b, key)
}

func (s set) appendKey(b []byte, key addrset.Addr6) []byte {
	if s.width == 4 {
		return binary.BigEndian.AppendUint32(b, uint32(key.Lo))
	}
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, key.Hi), key.Lo)
}

// top is the last address of the set's family.
func (s set) top() addrset.Addr6 {
	if s.width == 4 {
		return addrset.Addr6{Lo: 0xffffffff}
	}
	return addrset.Addr6{Hi: ^uint64(0), Lo: ^uint64(0)}
}

func (s set) isTop(a addrset.Addr6) bool { return a == s.top() }

func next(a addrset.Addr6) addrset.Addr6 {
	a.Lo++
	if a.Lo == 0 {
		a.Hi++
	}
	return a
}
