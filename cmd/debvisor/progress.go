package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// progress says on a terminal how far the reading of a long input is; elsewhere it says nothing.
type progress struct {
	out   io.Writer // nil when there is nobody to tell
	shown time.Time
	said  bool
}

func newProgress(out io.Writer) *progress {
	f, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		out = nil
	}
	return &progress{out: out, shown: time.Now()}
}

// watch is src, watched.
func (p *progress) watch(name string, src io.Reader) io.Reader {
	if p.out == nil {
		return src
	}
	return &watched{p: p, name: name, src: src}
}

type watched struct {
	p     *progress
	name  string
	src   io.Reader
	bytes int64
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.src.Read(b)
	w.bytes += int64(n)
	if now := time.Now(); now.Sub(w.p.shown) > time.Second/2 {
		w.p.shown, w.p.said = now, true
		fmt.Fprintf(w.p.out, "\r%s: %d MB", w.name, w.bytes>>20)
	}
	return n, err
}

// done clears the line.
func (p *progress) done() {
	if p.said {
		fmt.Fprint(p.out, "\r\033[K")
	}
}
