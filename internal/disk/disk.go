// Package disk knows what disks a machine has, what is on them, which of them a rule means, and why not the others. It
// reads facts, probes for signatures and residue, selects, claims a disk right before the first write, and wipes what a
// person has named for it. It does not partition, format or install, and it trusts nothing that a disk says about itself.
package disk

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"strings"
)

// Disk is one whole disk as the kernel and udev describe it. An empty text or a nil flag means that the machine does not
// tell. Sizes and offsets are in bytes.
type Disk struct {
	Path           string      `json:"path"`              // /dev/sda
	Device         string      `json:"device"`            // major:minor
	ByID           []string    `json:"by_id,omitempty"`   // names in /dev/disk/by-id
	ByPath         []string    `json:"by_path,omitempty"` // names in /dev/disk/by-path
	Serial         string      `json:"serial,omitempty"`
	WWN            string      `json:"wwn,omitempty"` // 0x5000c500a1b2c3d4, eui.0025385b71b0a1c2, …
	Model          string      `json:"model,omitempty"`
	Vendor         string      `json:"vendor,omitempty"`
	Size           int64       `json:"size"`
	Sector         int64       `json:"sector"` // logical
	PhysicalSector int64       `json:"physical_sector"`
	Transport      string      `json:"transport,omitempty"` // sata sas nvme usb virtio scsi mmc fc iscsi xen loop …
	Rotational     *bool       `json:"rotational,omitempty"`
	Removable      *bool       `json:"removable,omitempty"`
	ReadOnly       bool        `json:"read_only"`
	Partitions     []Partition `json:"partitions,omitempty"`
	Holders        []string    `json:"holders,omitempty"` // what is built on it or on its partitions: "LVM volume vg-root"
	Mounts         []Mount     `json:"mounts,omitempty"`
	System         []string    `json:"system,omitempty"` // why the running system needs it: "holds /", "is the live medium"
	Contents       Contents    `json:"contents"`
}

// Partition is a partition that the kernel knows. Start and Size are in bytes.
type Partition struct {
	Path  string `json:"path"`
	Start int64  `json:"start"`
	Size  int64  `json:"size"`
}

// Mount is a file system that needs the disk, directly or through what is stacked on it.
type Mount struct {
	Source string `json:"source"`
	Target string `json:"target"`
	Type   string `json:"type"`
}

// Name is the kernel's name: sda.
func (d Disk) Name() string { return path.Base(d.Path) }

// Busy lists why nobody may write to the disk now, whatever the answers say. Empty means that nothing uses it.
func (d Disk) Busy() []string {
	why := append([]string{}, d.System...)
	for _, m := range d.Mounts {
		if !systemTarget(m.Target) {
			why = append(why, "is mounted on "+m.Target)
		}
	}
	for _, h := range d.Holders {
		why = append(why, "is used by "+h)
	}
	if d.ReadOnly {
		why = append(why, "is read-only")
	}
	if d.Size <= 0 {
		why = append(why, "has no medium")
	}
	return why
}

// Facts is the disks of a machine: what a facts file holds.
type Facts struct {
	Disks []Disk `json:"disks"`
}

// ParseFacts reads a facts file. Unknown fields, repeated paths and impossible sizes are errors.
func ParseFacts(data []byte) (Facts, error) {
	var f Facts
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		return Facts{}, fmt.Errorf("read disk facts: %w", err)
	}
	if dec.More() {
		return Facts{}, fmt.Errorf("read disk facts: more than one document")
	}
	seen := map[string]bool{}
	for _, d := range f.Disks {
		if !strings.HasPrefix(d.Path, "/dev/") || seen[d.Path] || d.Size < 0 {
			return Facts{}, fmt.Errorf("read disk facts: disk %q: want one entry a disk, a path in /dev and a size", d.Path)
		}
		seen[d.Path] = true
	}
	return f, nil
}

// JSON is the facts file, indented.
func (f Facts) JSON() ([]byte, error) {
	data, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write disk facts: %w", err)
	}
	return append(data, '\n'), nil
}
