package builder

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"time"

	"debvisor/config"
	"debvisor/internal/iso"
	"debvisor/internal/manifest"
)

// Inspection is what an image says about itself. Nothing of it was verified.
type Inspection struct {
	Volume    string             `json:"volume"`
	Size      int64              `json:"size"`
	Created   time.Time          `json:"created"`
	BootModes []string           `json:"boot_modes"`
	Files     []InspectedFile    `json:"files"`
	Manifest  *manifest.Manifest `json:"manifest,omitempty"`
	Answers   *InspectedAnswers  `json:"answers,omitempty"` // nil when the slot is empty
}

// InspectedFile is one file on the image.
type InspectedFile struct {
	Path string `json:"path"`
	Size int64  `json:"size"`
}

// InspectedAnswers are what the slot says, without anything that must not be shown.
type InspectedAnswers struct {
	FQDN    string   `json:"fqdn"`
	Profile string   `json:"profile"`
	Users   []string `json:"users"` // names only
	Problem string   `json:"problem,omitempty"`
}

// Inspect reads an image's directories, manifest and slot.
func Inspect(name string) (*Inspection, error) {
	img, err := iso.Open(name)
	if err != nil {
		return nil, err
	}
	defer img.Close()
	in := &Inspection{Volume: img.VolumeID, Size: img.Size, Created: img.Created, BootModes: bootModes(img)}
	err = fs.WalkDir(img, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			in.Files = append(in.Files, InspectedFile{name, info.Size()})
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if text, err := fs.ReadFile(img, manifest.Path); err == nil {
		if in.Manifest, err = manifest.Parse(text); err != nil {
			return nil, err
		}
	}
	if slot, err := fs.ReadFile(img, manifest.Slot); err == nil {
		in.Answers = inspectAnswers(bytes.TrimRight(slot, "\x00"))
	}
	return in, nil
}

func inspectAnswers(text []byte) *InspectedAnswers {
	if len(text) == 0 {
		return nil
	}
	node, err := config.ParseNode(manifest.Slot, text)
	in := &InspectedAnswers{FQDN: node.Host.FQDN, Profile: node.Storage.Profile}
	for _, u := range node.Users {
		in.Users = append(in.Users, u.Name)
	}
	if err != nil {
		in.Problem = "they are not valid: see debvisor-builder answers check"
	}
	return in
}

func recorded(m *manifest.Manifest) string {
	if m.RecordsOnly {
		return ", recorded only: it cannot provision their storage"
	}
	return ""
}

// Print writes an inspection for people.
func (in *Inspection) Print(w io.Writer) {
	if m := in.Manifest; m != nil {
		fmt.Fprintf(w, "DebVisor %s, edition %s, %s %s, build %s\n", m.Version, m.Edition, m.Suite, m.Arch, m.BuildID)
		fmt.Fprintf(w, "profiles  %v%s\nroot      at least %s\n", m.Profiles, recorded(m), size(m.MinRootSize))
	} else {
		fmt.Fprintln(w, "not an image of DebVisor: it has no manifest")
	}
	fmt.Fprintf(w, "volume    %s, %s, %s\n", in.Volume, size(in.Size), in.Created.UTC().Format(time.DateTime))
	fmt.Fprintf(w, "boots as  %v\n", in.BootModes)
	if in.Answers == nil {
		fmt.Fprintln(w, "answers   none: the slot is empty")
	} else {
		fmt.Fprintf(w, "answers   for %s, profile %s, users %v; keys and hashes are not shown\n", in.Answers.FQDN, in.Answers.Profile, in.Answers.Users)
		if in.Answers.Problem != "" {
			fmt.Fprintf(w, "          %s\n", in.Answers.Problem)
		}
	}
	fmt.Fprintln(w)
	for _, f := range in.Files {
		fmt.Fprintf(w, "%12d  %s\n", f.Size, f.Path)
	}
}
