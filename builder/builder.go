// Package builder makes the installer image: from Debian's packages, the files in config/ and DebVisor's own programs to a
// signed ISO, in stages that are cached by what goes into them. It also verifies, inspects and boots what it made. It runs
// on a build host, never on a node, and decides nothing about what an image contains: that is config/.
package builder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"debvisor/config"
	"debvisor/internal/host"
)

// Stages are what a build goes through, in order.
var Stages = []string{"check", "resolve", "fetch", "root", "overlay", "squashfs", "boot", "iso", "sign", "verify"}

// Options say what to build and where.
type Options struct {
	Edition    string
	Dir        string // results; cache/, keys/ and log/ are below
	Version    string
	Commit     string
	Files      fs.FS  // config.Files or a directory like it
	Payload    fs.FS  // the node's programs
	Key        string // private key; empty for the local development key
	Passphrase []byte // of the key
	Offline    bool   // use the package indexes that are there
}

// Builder makes one image.
type Builder struct {
	Options
	image    *config.Image
	runner   host.Runner
	progress *Progress
	cache    cache
}

// New checks the configuration; nothing is written.
func New(o Options, runner host.Runner, p *Progress) (*Builder, error) {
	img, err := config.LoadImage(o.Files)
	if err != nil {
		return nil, err
	}
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return nil, err
	}
	return &Builder{Options: o, image: img, runner: runner, progress: p, cache: cache{filepath.Join(o.Dir, "cache")}}, nil
}

// Result is what a build left in its directory.
type Result struct {
	ISO      string   `json:"iso"`
	Files    []string `json:"files"` // paths of everything that belongs to a release, the ISO first
	BuildID  string   `json:"build_id"`
	Packages int      `json:"packages"`
	DevKey   bool     `json:"development_key"`
	Timings  []Timing `json:"stages"`
}

// Build makes the image, signs it and verifies what was written. On failure nothing half-made is left where a result is
// expected.
func (b *Builder) Build(ctx context.Context) (*Result, error) {
	signer, err := stage(b.progress, "check", b.check)
	if err != nil {
		return nil, err
	}
	unlock, err := b.cache.open()
	if err != nil {
		return nil, err
	}
	res, err := b.build(ctx, signer)
	return res, errors.Join(err, unlock())
}

func (b *Builder) build(ctx context.Context, key *signer) (*Result, error) {
	lock, err := stage(b.progress, "resolve", func() (*Lock, error) { return b.resolve(ctx) })
	if err != nil {
		return nil, err
	}
	epoch, err := stage(b.progress, "fetch", func() (time.Time, error) { return b.fetch(ctx, lock) })
	if err != nil {
		return nil, err
	}
	root, err := stage(b.progress, "root", func() (rootTree, error) { return b.root(ctx, lock, epoch) })
	if err != nil {
		return nil, err
	}
	tree, err := stage(b.progress, "overlay", func() (overlayTree, error) { return b.overlay(ctx, lock, root, key.public) })
	if err != nil {
		return nil, err
	}
	payload, err := stage(b.progress, "squashfs", func() (payloadFile, error) { return b.squashfs(ctx, tree) })
	if err != nil {
		return nil, err
	}
	loader, err := stage(b.progress, "boot", func() (bootFiles, error) { return b.boot(ctx, root) })
	if err != nil {
		return nil, err
	}
	disc := b.layout(payload, loader, epoch)
	image, err := stage(b.progress, "iso", func() (string, error) { return b.iso(ctx, disc, key) })
	if err != nil {
		return nil, err
	}
	files, err := stage(b.progress, "sign", func() ([]string, error) { return b.sign(ctx, image, key) })
	if err != nil {
		return nil, err
	}
	if _, err := stage(b.progress, "verify", func() (*Verdict, error) { return b.verify(ctx, image, key) }); err != nil {
		return nil, err
	}
	return &Result{ISO: image, Files: files, BuildID: disc.buildID, Packages: len(lock.Packages), DevKey: key.development, Timings: b.progress.Timings()}, nil
}

// open makes the cache directory, keeps other builds out, and removes what one that was killed left.
func (c cache) open() (unlock func() error, err error) {
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the cache: %w", err)
	}
	unlock, err = c.lock()
	if err != nil {
		return nil, err
	}
	if err := c.sweep(); err != nil {
		return nil, errors.Join(err, unlock())
	}
	return unlock, nil
}
