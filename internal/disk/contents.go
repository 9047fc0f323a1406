package disk

import (
	"fmt"
	"slices"
	"strings"
)

// Signature is something recognised on a disk. Kind is the name that blkid and lsblk use, where they know it.
type Signature struct {
	Kind      string `json:"kind"`
	Offset    int64  `json:"offset"` // of the magic, in bytes from the start of the disk
	Label     string `json:"label,omitempty"`
	UUID      string `json:"uuid,omitempty"`
	Partition int    `json:"partition,omitempty"` // 0: on the disk itself
}

// String is what tables say: ext4 "data" at 0x438 in partition 2.
func (s Signature) String() string {
	text := s.Kind
	if s.Label != "" {
		text += fmt.Sprintf(" %q", s.Label)
	}
	text += fmt.Sprintf(" at %#x", s.Offset)
	if s.Partition > 0 {
		text += fmt.Sprintf(" in partition %d", s.Partition)
	}
	return text
}

// Contents is what a probe found. The zero value is a disk that nobody has looked at, which does not count as empty.
type Contents struct {
	Probed     bool        `json:"probed"`
	Signatures []Signature `json:"signatures,omitempty"`
	Data       []int64     `json:"data,omitempty"`   // offsets of the first sampled blocks that are not blank
	Doubts     []string    `json:"doubts,omitempty"` // read errors, disagreement with wipefs
	// Installation is the disk GUID, in lower case, of a complete DebVisor on the disk.
	Installation string `json:"installation,omitempty"`
}

// Empty reports that the disk was read, nothing was recognised, and every sampled block is blank.
func (c Contents) Empty() bool {
	return c.Probed && len(c.Signatures) == 0 && len(c.Data) == 0 && len(c.Doubts) == 0
}

// shown bounds how many findings a sentence lists; a partitioned disk has dozens.
const shown = 3

// String says what the disk holds in one line.
func (c Contents) String() string {
	if !c.Probed && len(c.Doubts) == 0 {
		return "was not looked at"
	}
	if c.Empty() {
		return "is empty"
	}
	var parts []string
	if name := c.InstallationName(); name != "" {
		parts = append(parts, "holds a DebVisor ("+name+")")
	}
	for _, s := range c.Signatures[:min(shown, len(c.Signatures))] {
		parts = append(parts, "holds "+s.String())
	}
	if more := len(c.Signatures) - shown; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	if len(c.Signatures) == 0 && len(c.Data) > 0 {
		parts = append(parts, fmt.Sprintf("holds unknown data at %#x", c.Data[0]))
	}
	return strings.Join(append(parts, c.Doubts...), ", ")
}

// Equal reports whether two probes saw the same.
func (c Contents) Equal(other Contents) bool {
	return c.Probed == other.Probed && slices.Equal(c.Signatures, other.Signatures) &&
		slices.Equal(c.Data, other.Data) && slices.Equal(c.Doubts, other.Doubts) && c.Installation == other.Installation
}
