// Package manifest is the signed list of what an installer ISO holds: the builder writes it, the installer and verify
// read it. It does not sign or check signatures; read it only after its signature was checked.
package manifest

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"sort"
)

// Where things are on the ISO.
const (
	Path      = "debvisor/manifest.json"
	Signature = "debvisor/manifest.json.sig" // base64 of the raw signature over the manifest's bytes
	Key       = "debvisor/debvisor.pub"
	Slot      = "debvisor/answers.slot"
	Payload   = "live/filesystem.squashfs"
)

// Manifest is every file of an ISO but itself, its signature and the answers slot, and which build they are.
type Manifest struct {
	Version     string          `json:"version"`
	Edition     string          `json:"edition"`
	Suite       string          `json:"suite"`
	Arch        string          `json:"arch"`
	BuildID     string          `json:"build_id"` // 8 hex digits, also in the volume's name
	Epoch       int64           `json:"epoch"`    // seconds since 1970 that all timestamps are set to
	Profiles    []string        `json:"profiles"`
	RecordsOnly bool            `json:"records_only,omitempty"` // a profile is recorded, its storage is not provisioned
	MinRootSize int64           `json:"min_root_size"`          // bytes that the unpacked root needs
	Files       map[string]File `json:"files"`                  // path on the ISO, without a leading slash
}

// File is the size in bytes and the SHA-256, in hex, of a file.
type File struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Parse reads a manifest. Paths that leave the ISO and hashes that are none are errors.
func Parse(data []byte) (*Manifest, error) {
	m := &Manifest{}
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(m); err != nil {
		return nil, fmt.Errorf("read the manifest: %w", err)
	}
	for _, name := range m.Names() {
		sum, err := hex.DecodeString(m.Files[name].SHA256)
		if err != nil || len(sum) != 32 || m.Files[name].Size < 0 || !fs.ValidPath(name) {
			return nil, fmt.Errorf("read the manifest: %q: want a path, a size and a SHA-256", name)
		}
	}
	return m, nil
}

// JSON is the manifest's text: the same for the same content.
func (m *Manifest) JSON() ([]byte, error) {
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the manifest: %w", err)
	}
	return append(data, '\n'), nil
}

// Names are the paths, sorted.
func (m *Manifest) Names() []string {
	names := make([]string, 0, len(m.Files))
	for name := range m.Files {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
