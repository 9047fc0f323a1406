package installer

import (
	"context"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/term"
)

// ErrAborted is Ctrl-C, or the end of the input: back to the menu.
var ErrAborted = errors.New("left")

// Asker puts a question to a person and returns an answer that the question's Check accepts.
type Asker interface {
	Ask(ctx context.Context, q Question) (string, error)
}

// NewAsker is forms on a terminal that can show them, and plain prompts on a serial line or anything else.
func NewAsker(in, out *os.File) Asker {
	if isScreen(in, out) {
		return &Forms{In: in, Out: out}
	}
	return &Prompts{In: in, Out: out}
}

// plainTerms are terminals that cannot be trusted to draw a form, as long as they don't know their size.
var plainTerms = []string{"vt100", "vt102", "vt220", "linux"}

// isScreen: serial lines say TERM=linux like any console, and report no size.
func isScreen(in, out *os.File) bool {
	kind := os.Getenv("TERM")
	if !term.IsTerminal(int(in.Fd())) || !term.IsTerminal(int(out.Fd())) || kind == "" || kind == "dumb" {
		return false
	}
	width, height, err := term.GetSize(int(out.Fd()))
	sized := err == nil && width > 0 && height > 0
	return sized && (!isSerial(in) || !slices.Contains(plainTerms, kind))
}

func isSerial(f *os.File) bool {
	name, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(int(f.Fd())))
	return err == nil && (strings.HasPrefix(name, "/dev/ttyS") || strings.HasPrefix(name, "/dev/ttyAMA") || strings.HasPrefix(name, "/dev/hvc"))
}
