package kernel

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"

	"debvisor/internal/blocklist/addrset"

	"golang.org/x/sys/unix"
)

const catchAll = 2 // the flag of the element that stands for every address

func (s set) appendCatchAll(b []byte) []byte {
	b = appendHeader(b, 8, unix.NFTA_LIST_ELEM|unix.NLA_F_NESTED)
	return appendNumber(b, unix.NFTA_SET_ELEM_FLAGS, catchAll)
}

// elements asks for the encoded elements, and takes those that the kernel has until the first that it does not: the error
// then is ENOENT.
func (c *Conn) elements(s set, encoded []byte, each func(element)) error {
	request := appendText(nil, unix.NFTA_SET_ELEM_LIST_TABLE, table.Name)
	request = appendText(request, unix.NFTA_SET_ELEM_LIST_SET, s.name)
	request = appendAttribute(request, unix.NFTA_SET_ELEM_LIST_ELEMENTS|unix.NLA_F_NESTED, encoded)
	_, err := c.ask(unix.NFT_MSG_GETSETELEM, 0, unix.NFPROTO_INET, request, func(m message) error {
		return s.decode(m, each)
	})
	return err
}

func (s set) decode(m message, each func(element)) error {
	for _, e := range attributes(attribute(m.body, unix.NFTA_SET_ELEM_LIST_ELEMENTS)) {
		flags := number(attribute(e, unix.NFTA_SET_ELEM_FLAGS))
		if flags&catchAll != 0 {
			each(element{all: true})
			continue
		}
		key := attribute(attribute(e, unix.NFTA_SET_ELEM_KEY), unix.NFTA_DATA_VALUE)
		if len(key) != s.width {
			return fmt.Errorf("read %s: an element of %d bytes", s.name, len(key))
		}
		each(element{key: address(key), end: flags&unix.NFT_SET_ELEM_INTERVAL_END != 0})
	}
	return nil
}

func address(b []byte) addrset.Addr6 {
	if len(b) == 4 {
		return addrset.Addr6{Lo: uint64(binary.BigEndian.Uint32(b))}
	}
	return addrset.Addr6{Hi: binary.BigEndian.Uint64(b), Lo: binary.BigEndian.Uint64(b[8:])}
}

// compare reads the whole set and says how it differs.
func (c *Conn) compare(ctx context.Context, s set, want iter.Seq[span]) (string, error) {
	var found []element
	request := appendText(appendText(nil, unix.NFTA_SET_ELEM_LIST_TABLE, table.Name), unix.NFTA_SET_ELEM_LIST_SET, s.name)
	err := c.list(unix.NFT_MSG_GETSETELEM, request, func(m message) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return s.decode(m, func(e element) { found = append(found, e) })
	})
	if err != nil {
		return "", err
	}
	return s.differs(found, want), nil
}

func (s set) differs(found []element, want iter.Seq[span]) string {
	slices.SortFunc(found, element.compare)
	if len(found) > 0 && found[0].all {
		return "holds all addresses"
	}
	if len(found) > 0 && found[0] == (element{end: true}) {
		found = found[1:] // the floor, which ends nothing
	}
	for sp := range want {
		for _, e := range s.elementsOf(sp) {
			switch {
			case len(found) == 0 || e.compare(found[0]) < 0:
				return "lacks " + s.format(e.key)
			case e != found[0]:
				return "holds a foreign " + s.format(found[0].key)
			}
			found = found[1:]
		}
	}
	if len(found) > 0 {
		return "holds a foreign " + s.format(found[0].key)
	}
	return ""
}

// elementsOf are the elements that a span makes.
func (s set) elementsOf(sp span) []element {
	all := []element{{key: sp.first}}
	if s.ranges && !s.isTop(sp.last) {
		all = append(all, element{key: next(sp.last), end: true})
	}
	return all
}

// compare orders by key. At the same key the end of a range comes before the start of the next one, and the element that
// stands for all addresses comes first.
func (e element) compare(o element) int {
	if e.all != o.all {
		return order(o.all)
	}
	if d := e.key.Compare(o.key); d != 0 {
		return d
	}
	if e.end != o.end {
		return order(o.end)
	}
	return 0
}

func order(later bool) int {
	if later {
		return 1
	}
	return -1
}
