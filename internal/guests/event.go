package guests

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"debvisor/internal/guests/installed"
	"debvisor/internal/host"
)

// Event is a note of the hook.
type Event struct {
	Operation string // started, stopped, release or reconnect
	Reason    string // why it stopped, as far as libvirt says: destroyed, migrated, …; "-" for nothing
	Guest     string // the guest's name, any text
	Time      time.Time
}

// What a note can have at most; the rest is not the hook's.
const (
	maxEvent  = 4096 // bytes in one
	maxEvents = 4096 // of them
)

// Operations that the hook notes.
var operations = []string{"started", "stopped", "release", "reconnect"}

// ParseEvent reads a note: the operation, the reason and, to its end, the name, each on a line. It does not know the time.
func ParseEvent(data []byte) (Event, error) {
	if len(data) > maxEvent {
		return Event{}, fmt.Errorf("the note is longer than %d bytes", maxEvent)
	}
	text, whole := strings.CutSuffix(string(data), "\n")
	parts := strings.SplitN(text, "\n", 3)
	if !whole || len(parts) != 3 || parts[2] == "" {
		return Event{}, errors.New("the note is not of three lines")
	}
	e := Event{Operation: parts[0], Reason: parts[1], Guest: parts[2]}
	if !slices.Contains(operations, e.Operation) {
		return Event{}, fmt.Errorf("the note speaks of %q, which the hook does not note", clip(e.Operation))
	}
	return e, nil
}

// Notes are what the hook has left.
type Notes struct {
	Events []Event  // the oldest first
	Wrong  []error  // of files that are no notes
	Files  []string // all that was read
}

// ReadEvents reads the notes that are there and leaves them. Without the directory there are none.
func ReadEvents(h *host.Host) (n Notes, err error) {
	entries, err := h.ReadDir(installed.EventsDir)
	if errors.Is(err, fs.ErrNotExist) {
		return n, nil
	}
	if err != nil {
		return n, err
	}
	for _, e := range entries[:min(len(entries), maxEvents)] {
		name := path.Join(installed.EventsDir, e.Name())
		event, err := readEvent(h, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // nobody else removes notes, so somebody did by hand
		}
		n.Files = append(n.Files, name)
		if err != nil {
			n.Wrong = append(n.Wrong, fmt.Errorf("%s: %w", name, err))
			continue
		}
		n.Events = append(n.Events, event)
	}
	slices.SortStableFunc(n.Events, func(a, b Event) int { return cmp.Compare(a.Time.UnixNano(), b.Time.UnixNano()) })
	return n, nil
}

// readEvent reads no more than a note can have, and nothing but a file, whatever else lies there.
func readEvent(h *host.Host, name string) (Event, error) {
	info, err := h.Lstat(name)
	if err != nil {
		return Event{}, err
	}
	if !info.Mode().IsRegular() {
		return Event{}, errors.New("it is not a file")
	}
	p, err := h.Path(name)
	if err != nil {
		return Event{}, err
	}
	f, err := os.Open(p)
	if err != nil {
		return Event{}, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxEvent+1))
	if err != nil {
		return Event{}, err
	}
	e, err := ParseEvent(data)
	e.Time = info.ModTime()
	return e, err
}

// leftover is how old a note is that the hook began and did not finish.
const leftover = time.Minute

// PlanTidy plans to remove the notes that were read, and what hooks left that were killed.
func PlanTidy(h *host.Host, read []string, now time.Time) ([]host.Change, error) {
	begun, err := h.Glob(installed.RunDir + "/.note.*")
	if err != nil {
		return nil, err
	}
	var wants []host.Want
	for _, name := range begun {
		if info, err := h.Lstat(name); err == nil && now.Sub(info.ModTime()) > leftover {
			wants = append(wants, host.Absent{Path: name})
		}
	}
	for _, name := range read {
		wants = append(wants, host.Absent{Path: name})
	}
	return h.Need(wants...)
}
