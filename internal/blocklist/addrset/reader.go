package addrset

import (
	"fmt"
	"io"
	"strings"
)

// Reader gathers lists into one set. An entry a line: an address, a CIDR, or a range a-b. What follows # or ; is a comment,
// and blanks around an entry do not matter. The zero value is ready.
type Reader struct {
	// MaxRejected is how many rejected lines are kept, and how many warnings; 0 means 100. All are counted.
	MaxRejected int

	gathered gathered
	file     string
	line     int // of file
	lines    int // of all files
	rejected []Rejected
	rejects  int
	warnings []Warning
	warned   int
	buf      []byte
}

// Rejected is a line that is no entry.
type Rejected struct {
	File string
	Line int
	Text string // the entry without comment, cut when it is long
	Why  string // what is wrong, and what to do
}

// String is FILE:LINE: "TEXT": WHY.
func (r Rejected) String() string { return fmt.Sprintf("%s:%d: %q: %s", r.File, r.Line, r.Text, r.Why) }

// Warning is an entry that was taken as the network that its address is in.
type Warning struct {
	File  string
	Line  int
	Text  string
	Taken string // the network
}

// String is FILE:LINE: "TEXT" and what it was taken as.
func (w Warning) String() string {
	return fmt.Sprintf("%s:%d: %q has host bits set: taken as %s", w.File, w.Line, w.Text, w.Taken)
}

// Read gathers a list. Name is what messages call it. Lines that are no entries are no error here, but in Rejected; an error
// is one of src, and the whole lines before it are gathered.
func (r *Reader) Read(name string, src io.Reader) error {
	if r.buf == nil {
		r.buf = make([]byte, frontPad+bufSize+backPad)
	}
	r.file, r.line = name, 0
	w := window{src: src, buf: r.buf, start: frontPad, end: frontPad}
	for {
		from, to, err := w.next()
		r.scan(from, to)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
	}
}

// Set is all that was gathered.
func (r *Reader) Set() Set { return r.gathered.set() }

// Rejected are the first lines that are no entries, and how many there are in all.
func (r *Reader) Rejected() (first []Rejected, total int) { return r.rejected, r.rejects }

// Warnings are the first entries that were taken as something else than they say, and how many there are in all.
func (r *Reader) Warnings() (first []Warning, total int) { return r.warnings, r.warned }

// Counts are how many lines were read, and how many of them are entries.
func (r *Reader) Counts() (lines, entries int) { return r.lines, r.gathered.len() }

func (r *Reader) limit() int {
	if r.MaxRejected > 0 {
		return r.MaxRejected
	}
	return 100
}

func (r *Reader) reject(text string, why error) {
	if r.rejects++; r.rejects <= r.limit() {
		r.rejected = append(r.rejected, Rejected{r.file, r.line, shorten(text), why.Error()})
	}
}

func (r *Reader) warn(text string, e entry) {
	if r.warned++; r.warned <= r.limit() {
		r.warnings = append(r.warnings, Warning{r.file, r.line, shorten(text), e.taken()})
	}
}

// shorten bounds what a message shows of a line.
func shorten(text string) string {
	const most = 80
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
