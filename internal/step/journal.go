package step

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// entry is a line of the journal.
type entry struct {
	Time    time.Time `json:"time"`
	Step    string    `json:"step"`
	Phase   string    `json:"phase"` // begin, done, failed
	Changes int       `json:"changes,omitempty"`
	Error   string    `json:"error,omitempty"`
}

// history is the last phase of each step that changed anything.
type history map[string]string

// history reads the journal. A last line without its end was being written when the power went; it says nothing.
func (r Runner) history() (history, error) {
	h := history{}
	if r.Journal == "" {
		return h, nil
	}
	data, err := r.Host.ReadFile(r.Journal)
	if errors.Is(err, fs.ErrNotExist) {
		return h, nil
	}
	if err != nil {
		return nil, err
	}
	for number, line := range bytes.SplitAfter(data, []byte("\n")) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			continue
		}
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("%s:%d: not a journal entry: %w", r.Journal, number+1, err)
		}
		h.add(e)
	}
	return h, nil
}

// add keeps "done" of a step over later entries without changes, and "begin" until it is done.
func (h history) add(e entry) {
	if e.Phase == "failed" && h[e.Step] != "begin" {
		return // failed while planning: nothing was touched
	}
	h[e.Step] = e.Phase
}

// open tells whether a step began or failed and the journal does not know of its end yet.
func (h history) open(name string) bool { return h[name] == "begin" || h[name] == "failed" }

// record appends a line and syncs it.
func (r Runner) record(name, phase string, changes int, problem string) error {
	if r.Journal == "" {
		return nil
	}
	p, err := r.Host.Path(r.Journal)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		return err
	}
	line, err := json.Marshal(entry{Time: time.Now().UTC(), Step: name, Phase: phase, Changes: changes, Error: problem})
	if err != nil {
		return err
	}
	return appendLine(p, line)
}

// appendLine first ends a line that a power cut left half written.
func appendLine(p string, line []byte) (err error) {
	f, err := os.OpenFile(p, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := dropHalfLine(f); err != nil {
		return err
	}
	if _, err := f.Write(append(line, '\n')); err != nil {
		return err
	}
	return f.Sync()
}

func dropHalfLine(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	data := make([]byte, info.Size())
	if _, err := f.ReadAt(data, 0); err != nil && len(data) > 0 {
		return err
	}
	whole := bytes.LastIndexByte(data, '\n') + 1
	if whole == len(data) {
		return nil
	}
	return f.Truncate(int64(whole))
}
