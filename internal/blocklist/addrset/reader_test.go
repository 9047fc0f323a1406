package addrset_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"debvisor/internal/blocklist/addrset"
	"debvisor/internal/blocklist/addrset/sample"
)

func TestSeveralListsBecomeOneSet(t *testing.T) {
	var r addrset.Reader
	for name, list := range map[string]string{"a": "# a\n10.0.0.0\n10.0.0.2\nbad\n", "b": "\ufeff10.0.0.1\n2001:db8::/32", "c": ""} {
		if err := r.Read(name, strings.NewReader(list)); err != nil {
			t.Fatal(err)
		}
	}
	if got := text(t, r.Set()); got != "10.0.0.0/31\n10.0.0.2\n2001:db8::/32\n" {
		t.Errorf("got\n%s", got)
	}
	if lines, entries := r.Counts(); lines != 6 || entries != 4 {
		t.Errorf("%d lines, %d entries", lines, entries)
	}
	if rejected, _ := r.Rejected(); len(rejected) != 1 || rejected[0].File != "a" || rejected[0].Line != 4 {
		t.Errorf("rejected %v", rejected)
	}
	if err := r.Read("d", strings.NewReader("10.0.0.3")); err != nil {
		t.Fatal(err)
	}
	if got := text(t, r.Set()); got != "10.0.0.0/30\n2001:db8::/32\n" {
		t.Errorf("after one more\n%s", got)
	}
}

// However the bytes come, the set is the same.
func TestTheSizeOfReadsDoesNotMatter(t *testing.T) {
	list := append(sample.Block4(60_000, 1), sample.Block6(2_000, 1)...)
	list = append(list, "10.0.0.1\r\nbad\n10.1.2.3/8\n2001:db8::1"...)
	want := addrset.Reader{}
	if err := want.Read("list", bytes.NewReader(list)); err != nil {
		t.Fatal(err)
	}
	for name, src := range map[string]io.Reader{
		"a byte":       iotest.OneByteReader(bytes.NewReader(list)),
		"half":         iotest.HalfReader(bytes.NewReader(list)),
		"end at once":  iotest.DataErrReader(bytes.NewReader(list)),
		"primes":       &pieces{list: list, size: 4093},
		"with nothing": &pieces{list: list, size: 8191, empty: true},
	} {
		var got addrset.Reader
		if err := got.Read("list", src); err != nil {
			t.Fatal(err)
		}
		gotLines, gotEntries := got.Counts()
		lines, entries := want.Counts()
		if gotLines != lines || gotEntries != entries || !got.Set().Equal(want.Set()) {
			t.Errorf("%s: %d lines, %d entries, not %d, %d", name, gotLines, gotEntries, lines, entries)
		}
		gotRejected, _ := got.Rejected()
		gotWarnings, _ := got.Warnings()
		if len(gotRejected) != 1 || gotRejected[0].Line != 62_002 || len(gotWarnings) != 1 || gotWarnings[0].Line != 62_003 {
			t.Errorf("%s: rejected %v, warned %v", name, gotRejected, gotWarnings)
		}
	}
}

// pieces returns so many bytes at a time, and nothing in between when asked to.
type pieces struct {
	list        []byte
	size        int
	empty, turn bool
}

func (p *pieces) Read(b []byte) (int, error) {
	if p.turn = !p.turn; p.empty && p.turn {
		return 0, nil
	}
	n := copy(b, p.list[:min(p.size, len(p.list))])
	p.list = p.list[n:]
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func TestErrorsOfTheSourceAreReturned(t *testing.T) {
	broken := errors.New("input/output error")
	var r addrset.Reader
	err := r.Read("a.txt", io.MultiReader(strings.NewReader("10.0.0.1\n10.0.0.2"), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) || err.Error() != "read a.txt: input/output error" {
		t.Errorf("got %v", err)
	}
	if got := text(t, r.Set()); got != "10.0.0.1\n" {
		t.Errorf("half a line is taken:\n%s", got)
	}
	err = r.Read("b.txt", idle{})
	if err == nil || err.Error() != "read b.txt: the source returns nothing and no error" {
		t.Errorf("an idle source: %v", err)
	}
}

type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

func TestWhatIsKeptOfBadLinesIsBounded(t *testing.T) {
	list := strings.Repeat("bad\n10.1.2.3/24\n", 1000)
	for _, most := range []int{0, 1, 7, 5000} {
		r := addrset.Reader{MaxRejected: most}
		if err := r.Read("list", strings.NewReader(list)); err != nil {
			t.Fatal(err)
		}
		want := min(1000, most)
		if most == 0 {
			want = 100
		}
		rejected, n := r.Rejected()
		warnings, m := r.Warnings()
		if len(rejected) != want || n != 1000 || len(warnings) != want || m != 1000 {
			t.Errorf("%d: %d of %d rejected, %d of %d warnings", most, len(rejected), n, len(warnings), m)
		}
		if last := rejected[want-1].Line; last != 2*want-1 {
			t.Errorf("%d: the last one kept is in line %d", most, last)
		}
	}
}

// endless is a line without an end, up to a size.
func endless(begin, fill string, size int64) io.Reader {
	return io.MultiReader(strings.NewReader(begin), io.LimitReader(repeat(fill), size))
}

type repeat string

func (r repeat) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = r[i%len(r)]
	}
	return len(b), nil
}

func TestLongLinesTakeNoMemory(t *testing.T) {
	for begin, c := range map[string]struct {
		want, rejected string
	}{
		"# a comment ":                 {want: "10.0.0.9\n"},
		"10.0.0.1 # and a comment ":    {want: "10.0.0.1\n10.0.0.9\n"},
		"2001:db8::1;":                 {want: "10.0.0.9\n2001:db8::1\n"},
		"10.0.0.1 ":                    {want: "10.0.0.9\n", rejected: `list:1: "10.0.0.1 ` + strings.Repeat("x", 71) + `…": longer than any entry: write one entry a line, and # before a comment`},
		strings.Repeat(" ", 1<<16):     {want: "10.0.0.9\n", rejected: `list:1: "": longer than any entry: write one entry a line, and # before a comment`},
		strings.Repeat("ä", 30) + "# ": {want: "10.0.0.9\n", rejected: `list:1: "` + strings.Repeat("ä", 30) + `": ` + nothing},
	} {
		var r addrset.Reader
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := r.Read("list", io.MultiReader(endless(begin, "x", 16<<20), strings.NewReader("\n10.0.0.9\nbad"))); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		if taken := after.TotalAlloc - before.TotalAlloc; taken > 2<<20 {
			t.Errorf("%.30q: took %d bytes", begin, taken)
		}
		if got := text(t, r.Set()); got != c.want {
			t.Errorf("%.30q: got\n%s", begin, got)
		}
		rejected, n := r.Rejected()
		if last := rejected[n-1]; last.Line != 3 || last.Text != "bad" {
			t.Errorf("%.30q: the last one rejected is %s", begin, last)
		}
		if c.rejected != "" && (n != 2 || rejected[0].String() != c.rejected) || c.rejected == "" && n != 1 {
			t.Errorf("%.30q: rejected %s", begin, rejected[0])
		}
	}
}

// Whether a line is taken must not depend on how its length relates to that of the buffer.
func TestLinesAroundTheSizeOfTheBuffer(t *testing.T) {
	for _, size := range []int{64<<10 - 1, 64 << 10, 64<<10 + 1, 256<<10 - 2, 256<<10 - 1, 256 << 10, 256<<10 + 1, 512<<10 - 1, 512 << 10, 512<<10 + 1} {
		for _, end := range []string{"\n10.0.0.9", "\r\n10.0.0.9\n", "\n\n10.0.0.9\n"} {
			got := read(t, "10.0.0.1 #"+strings.Repeat("x", size-10)+end)
			if text(t, got) != "10.0.0.1\n10.0.0.9\n" {
				t.Errorf("%d bytes and %q: got %v", size, end, got)
			}
		}
		if got := read(t, strings.Repeat("#", size)); !got.IsEmpty() {
			t.Errorf("%d bytes alone: got %v", size, got)
		}
	}
}

// Each entry once stands across the end of what is read at once.
func TestEntriesAcrossTheBuffersEnd(t *testing.T) {
	for shift := range 40 {
		var list, want strings.Builder
		list.WriteString(strings.Repeat("#", 256<<10-20-shift) + "\n")
		for i := range 100 {
			fmt.Fprintf(&list, "10.%d.0.0/24 # x\n", i)
			fmt.Fprintf(&want, "10.%d.0.0/24\n", i)
		}
		if got := text(t, read(t, list.String())); got != want.String() {
			t.Fatalf("shift %d: got\n%s", shift, got)
		}
	}
}

func TestAMillionLines(t *testing.T) {
	var r addrset.Reader
	if err := r.Read("list", bytes.NewReader(sample.Block4(1_000_000, 1))); err != nil {
		t.Fatal(err)
	}
	lines, entries := r.Counts()
	_, rejected := r.Rejected()
	_, warned := r.Warnings()
	if lines != 1_000_000 || entries < 970_000 || entries > 985_000 || rejected+warned != 0 {
		t.Errorf("%d lines, %d entries, %d rejected, %d warnings", lines, entries, rejected, warned)
	}
	if wrong := notCanonical(r.Set()); wrong != "" {
		t.Error(wrong)
	}
}
