package tsig

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"debvisor/internal/host"
)

// ActivePath is where a server keeps which generation is in use since when. Keys that are newer are accepted and not used
// yet; older ones are accepted until they are retired.
const ActivePath = "/var/lib/debvisor/tsig/active.json"

// Active is the generation in use since the last rotation; before the first, its serial is 0.
type Active struct {
	Serial uint32    `json:"serial"`
	Since  time.Time `json:"since"`
}

// File is the record as it is kept.
func (a Active) File() (host.File, error) {
	text, err := json.Marshal(a)
	return host.File{Path: ActivePath, Content: string(text) + "\n", Mode: 0o644}, err
}

// ReadActive reads the record.
func ReadActive(h *host.Host) (a Active, err error) {
	data, err := h.ReadFile(ActivePath)
	if errors.Is(err, fs.ErrNotExist) {
		return a, nil
	}
	if err != nil {
		return a, err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&a); err != nil {
		return a, fmt.Errorf("%s: %w", ActivePath, err)
	}
	return a, nil
}

// Current is, of a role's live keys newest first, the one in use: what this server signs its own messages with, and what a
// client without a key is given. A generation that was added and not brought into use yet is not it. Without keys ok is false.
func (a Active) Current(keys []Key) (k Key, ok bool) {
	for _, k := range keys {
		if k.Serial <= a.Serial {
			return k, true
		}
	}
	if len(keys) == 0 {
		return Key{}, false
	}
	return keys[len(keys)-1], true
}
