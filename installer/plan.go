package installer

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/google/uuid"

	"debvisor/config"
	"debvisor/internal/disk"
	"debvisor/internal/exit"
	"debvisor/internal/manifest"
)

// Answers is an answers file and where it came from.
type Answers struct {
	Source string // said to people: "the slot on the install medium"
	Text   string
	Node   *config.Node
}

// Plan is everything that an installation does, decided before the first write.
type Plan struct {
	Answers   Answers
	Image     *manifest.Manifest
	Choice    Choice
	Layout    Layout
	MachineID string
	Seed      string // bytes for the new system's random pool; secret
	Cmdline   string // kernel command line of the installed system
}

// NewPlan decides an installation from the answers, the signed manifest and the disks.
func NewPlan(a Answers, m *manifest.Manifest, facts disk.Facts) (*Plan, error) {
	if err := checkProfile(a.Node.Storage.Profile, m.Profiles, m.Edition); err != nil {
		return nil, err
	}
	choice, err := Choose(a.Node, facts)
	if err != nil {
		return nil, err
	}
	if m.MinRootSize > rootSize {
		return nil, exit.With(exit.Refused, fmt.Errorf("lay out %s: the image needs a root of %s, there is one of %s", choice.System.Disk.Path, binarySize(m.MinRootSize), binarySize(rootSize)))
	}
	layout, err := NewLayout(choice.System.Disk, uuid.NewString)
	if err != nil {
		return nil, err
	}
	return &Plan{Answers: a, Image: m, Choice: choice, Layout: layout, MachineID: randomHex(16), Seed: randomBytes(512)}, nil
}

func randomBytes(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return string(b)
}

func randomHex(n int) string { return hex.EncodeToString([]byte(randomBytes(n))) }

// Write shows the plan to a person.
func (p *Plan) Write(w io.Writer) {
	d := p.Choice.System.Disk
	fmt.Fprintf(w, "DebVisor %s (%s edition, build %s) as %s\n", p.Image.Version, p.Image.Edition, p.Image.BuildID, p.Answers.Node.Host.FQDN)
	fmt.Fprintf(w, "answers from %s\n\n", p.Answers.Source)
	fmt.Fprintf(w, "system disk %s: %s\n%s\n", d.Path, describe(d), p.Layout)
	if p.Choice.System.Wipe {
		fmt.Fprintf(w, "  It %s. The answers name it for wiping: all of that is lost.\n\n", d.Contents)
	}
	fmt.Fprintf(w, "profile %s: recorded; this version does not provision its storage\n", p.Answers.Node.Storage.Profile)
	for _, t := range p.Choice.Data {
		fmt.Fprintf(w, "  data disk %s: %s (left as it is)\n", t.Disk.Path, describe(t.Disk))
	}
	fmt.Fprintln(w)
}

// describe is size, model and serial of a disk.
func describe(d disk.Disk) string {
	parts := []string{disk.Human(d.Size)}
	for _, s := range []string{d.Transport, d.Model} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	if d.Serial != "" {
		parts = append(parts, "serial "+d.Serial)
	}
	return strings.Join(parts, ", ")
}

// Look is a plan for this machine, or for the disks of a facts file. It changes nothing.
func (in *Installer) Look(ctx context.Context, a Answers, facts *disk.Facts) (*Plan, error) {
	m, err := in.Manifest()
	if err != nil {
		return nil, err
	}
	if facts != nil {
		return in.decide(a, m, *facts, false)
	}
	now, err := in.Facts(ctx)
	if err != nil {
		return nil, err
	}
	return in.decide(a, m, now, true)
}

// outline is a plan for programs.
type outline struct {
	Host       string          `json:"host"`
	Answers    string          `json:"answers"`
	Version    string          `json:"version"`
	Edition    string          `json:"edition"`
	BuildID    string          `json:"build_id"`
	Profile    string          `json:"profile"`
	System     disk.Target     `json:"system"`
	Data       []disk.Target   `json:"data"`
	Partitions []partitionJSON `json:"partitions"`
}

type partitionJSON struct {
	Device string `json:"device"`
	Name   string `json:"name"`
	Start  int64  `json:"start"`
	Size   int64  `json:"size"`
	FS     string `json:"fs,omitempty"`
	Mount  string `json:"mount,omitempty"`
}

func (p *Plan) outline() *outline {
	o := &outline{
		Host: p.Answers.Node.Host.FQDN, Answers: p.Answers.Source, Profile: p.Answers.Node.Storage.Profile,
		Version: p.Image.Version, Edition: p.Image.Edition, BuildID: p.Image.BuildID, System: p.Choice.System, Data: p.Choice.Data,
	}
	for i, part := range p.Layout.Partitions {
		o.Partitions = append(o.Partitions, partitionJSON{p.Layout.Device(i), part.Name, part.Start, part.Size, part.FS, part.Mount})
	}
	return o
}
