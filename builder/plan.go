package builder

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
)

// Plan is what a build would do.
type Plan struct {
	Edition  string    `json:"edition"`
	ISO      string    `json:"iso"`
	Packages int       `json:"packages"`
	Size     int64     `json:"package_bytes"`
	Download int64     `json:"download_bytes"` // of packages that are not here yet
	Missing  int       `json:"download_packages"`
	Stages   []Planned `json:"stages"`
	Problems []string  `json:"problems,omitempty"` // what would stop the build
	Locked   []Locked  `json:"locked"`
}

// Planned is one stage of a plan.
type Planned struct {
	Stage  string `json:"stage"`
	Key    string `json:"key,omitempty"` // of its cached result
	Cached bool   `json:"cached"`
	Input  string `json:"input"`
}

// Plan resolves the packages, as a build does, and says what is cached. It writes nothing but package indexes, below
// cache/apt. public is the key that would sign; without it no key of a later stage can be known.
func (b *Builder) Plan(ctx context.Context, public []byte) (*Plan, error) {
	if err := b.checkEdition(); err != nil {
		return nil, err
	}
	lock, err := stage(b.progress, "resolve", func() (*Lock, error) { return b.resolve(ctx) })
	if err != nil {
		return nil, err
	}
	missing := &Lock{Packages: b.apt().missing(lock)}
	p := &Plan{Edition: b.Edition, ISO: b.isoName(), Packages: len(lock.Packages), Size: lock.Size(),
		Download: missing.Size(), Missing: len(missing.Packages), Locked: lock.Packages}
	if p.Stages, err = b.planStages(lock, public); err != nil {
		return nil, err
	}
	for _, problem := range []error{b.checkUser(), b.checkPayload()} {
		if problem != nil {
			p.Problems = append(p.Problems, problem.Error())
		}
	}
	return p, nil
}

func (b *Builder) planStages(lock *Lock, public []byte) ([]Planned, error) {
	initramfs, err := digest(b.Files, early...)
	if err != nil {
		return nil, err
	}
	root := b.rootKey(lock, initramfs)
	overlay, err := b.overlayKey(lock, root, public)
	if err != nil {
		return nil, err
	}
	squashfs, boot := b.squashfsKey(overlay), b.bootKey(root)
	at := func(stage, key, input string) Planned {
		return Planned{Stage: stage, Key: key, Cached: b.cache.has(stage, b.Edition, key), Input: input}
	}
	fetch := Planned{Stage: "fetch", Cached: len(b.apt().missing(lock)) == 0, Input: b.image.Archive.Mirror}
	tree := at("overlay", overlay, "config/overlay, the node's programs, the public key")
	compressed := at("squashfs", squashfs, fmt.Sprintf("%s level %d", b.image.Compression.Algorithm, b.image.Compression.Level))
	tree.Cached = tree.Cached || compressed.Cached
	return []Planned{
		fetch,
		at("root", root, fmt.Sprintf("%d packages, initramfs settings", len(lock.Packages))),
		tree,
		compressed,
		at("boot", boot, "kernel, initramfs, GRUB and shim of the root file system"),
		{Stage: "iso", Key: b.buildID(squashfs, boot), Input: "config/boot, and all of the above"},
	}, nil
}

// Print writes a plan for people.
func (p *Plan) Print(w io.Writer) error {
	fmt.Fprintf(w, "%s (%s)\n\n", p.ISO, p.Edition)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range p.Stages {
		state := "to do"
		if s.Cached {
			state = "cached"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", s.Stage, state, s.Key, s.Input)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%d packages, %s; %d of them, %s, to download\n", p.Packages, size(p.Size), p.Missing, size(p.Download))
	for _, problem := range p.Problems {
		fmt.Fprintf(w, "problem: %s\n", problem)
	}
	return nil
}

// PlanKey is the public key that a build would sign with, or nil when there is none yet.
func (b *Builder) PlanKey() ([]byte, error) {
	if b.Key == "" && !b.haveDevelopmentKey() {
		return nil, nil
	}
	key, err := b.openKey()
	if err != nil {
		return nil, err
	}
	return key.public, nil
}
