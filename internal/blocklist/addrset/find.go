package addrset

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"sort"
)

// Line is a line of a list, and which of the addresses that were looked for are in it.
type Line struct {
	File   string
	Number int
	Text   string // the entry, without its comment
	Hit    Set
}

// String is FILE:LINE: TEXT.
func (l Line) String() string { return fmt.Sprintf("%s:%d: %s", l.File, l.Number, l.Text) }

// Find reads a list again for the lines that have any of the wanted addresses, and returns the first most of them. It is for
// saying where an address comes from; Reader is some ten times as fast.
func Find(name string, src io.Reader, wanted Set, most int) ([]Line, error) {
	var found []Line
	lines := bufio.NewReaderSize(src, maxLine+1)
	for number := 1; len(found) < most; number++ {
		line, err := lines.ReadSlice('\n')
		one, text := lineSet(line, number)
		if one.touches(wanted) {
			found = append(found, Line{File: name, Number: number, Text: text, Hit: one.Intersect(wanted)})
		}
		for errors.Is(err, bufio.ErrBufferFull) { // what is so long has a comment, or no entry
			_, err = lines.ReadSlice('\n')
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
	}
	return found, nil
}

// lineSet is what a line says; empty where it is no entry.
func lineSet(line []byte, number int) (Set, string) {
	if number == 1 {
		line = bytes.TrimPrefix(line, byteOrderMark)
	}
	text, err := entryOf(bytes.TrimSuffix(line, []byte("\n")))
	if err != nil || text == "" {
		return Set{}, ""
	}
	e, err := parse(text)
	switch {
	case err != nil:
		return Set{}, ""
	case e.first.Is4():
		return Set{V4: []Range4{{value4(e.first), value4(e.last)}}}, text
	}
	return Set{V6: []Range6{{Addr6Of(e.first), Addr6Of(e.last)}}}, text
}

// touches is Overlaps for a set of one range and one that may have very many.
func (s Set) touches(o Set) bool {
	for _, r := range s.V4 {
		i := sort.Search(len(o.V4), func(i int) bool { return o.V4[i].Last >= r.First })
		return i < len(o.V4) && o.V4[i].First <= r.Last
	}
	for _, r := range s.V6 {
		i := sort.Search(len(o.V6), func(i int) bool { return !o.V6[i].Last.less(r.First) })
		return i < len(o.V6) && !r.Last.less(o.V6[i].First)
	}
	return false
}
