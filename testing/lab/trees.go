package lab

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"debvisor/internal/host"
)

// trees are the file systems that nodes share: the built one, and layers over it that differ by their packages. A layer
// is made once for a set of packages.
type trees struct {
	repo, command string
	progress      io.Writer
}

// layerVersion changes when the same packages are to give another layer.
const layerVersion = 1

// keepLayers is how many stay in the cache.
const keepLayers = 16

// job is what debvisor-lab's verb "derive" reads.
type job struct {
	Base, Layer, Work, Cache string
	Packages                 []string
}

// with is the trees of a node that has the packages, the topmost first.
func (t trees) with(ctx context.Context, packages []string) ([]string, error) {
	below, err := base(t.repo)
	if err != nil {
		return nil, err
	}
	packages = slices.Clone(packages)
	slices.Sort(packages)
	packages = slices.Compact(packages)
	key, err := layerKey(below, packages)
	if err != nil {
		return nil, err
	}
	cache := filepath.Join(t.repo, "build/cache/lab")
	layer := filepath.Join(cache, "layer-"+key)
	if err := t.make(ctx, job{Base: below, Layer: layer, Cache: cache, Packages: packages}); err != nil {
		return nil, err
	}
	return []string{layer, below}, nil
}

// layerKey names a layer by the packages and accounts below it and by what it adds: the layer holds whole files of
// theirs, such as dpkg's list of packages.
func layerKey(below string, packages []string) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, layerVersion, packages)
	tree := &host.Host{Root: below}
	for _, name := range []string{"/var/lib/dpkg/status", "/etc/passwd", "/etc/group", "/etc/shadow"} {
		data, err := tree.ReadFile(name)
		if err != nil {
			return "", fmt.Errorf("%w: %s is no root file system of a node: %w", ErrCannot, below, err)
		}
		fmt.Fprintf(h, "%x\n", sha256.Sum256(data))
	}
	return hex.EncodeToString(h.Sum(nil))[:16], nil
}

func (t trees) make(ctx context.Context, j job) error {
	if err := os.MkdirAll(j.Cache, 0o755); err != nil {
		return err
	}
	held, err := wait(ctx, j.Cache, lockFile)
	if err != nil {
		return err
	}
	defer held.Close()
	if _, err := os.Stat(j.Layer); err == nil {
		now := time.Now()
		return os.Chtimes(j.Layer, now, now) // the newest are kept
	}
	if err := sweepLayers(j.Cache); err != nil {
		return err
	}
	if t.progress != nil {
		fmt.Fprintln(t.progress, "making a node's tree with "+strings.Join(append(j.Packages, "accounts"), ", "))
	}
	final := j.Layer
	j.Layer, j.Work = final+".new", final+".work"
	if err = makeDirs(j.Layer, j.Work); err == nil {
		err = t.derive(ctx, j)
	}
	if err := errors.Join(err, os.RemoveAll(j.Work)); err != nil {
		return errors.Join(fmt.Errorf("make the tree of a node: %w", err), os.RemoveAll(j.Layer))
	}
	if err := os.Rename(j.Layer, final); err != nil {
		return err
	}
	return prune(j.Cache)
}

// derive runs where its mounts end with it, and ends with this program, which holds the lock.
func (t trees) derive(ctx context.Context, j job) error {
	data, err := json.Marshal(j)
	if err != nil {
		return err
	}
	runtime.LockOSThread() // a child ends with the thread that started it
	defer runtime.UnlockOSThread()
	var said bytes.Buffer
	out := io.Writer(&said)
	if t.progress != nil {
		out = io.MultiWriter(&said, t.progress)
	}
	cmd := host.Cmd{Args: []string{"unshare", "--mount", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc", t.command, "derive"}}
	p, err := host.Start(ctx, cmd, host.Streams{In: bytes.NewReader(data), Out: out, Err: out})
	if err != nil {
		return err
	}
	if err := p.Wait(); err != nil {
		return errors.Join(ctx.Err(), fmt.Errorf("%w: %s", err, strings.TrimSpace(said.String()[max(0, said.Len()-2000):])))
	}
	return nil
}

// sweepLayers removes what was left by somebody who was killed over it. The caller holds the lock.
func sweepLayers(cache string) error {
	for _, pattern := range []string{"layer-*.new", "layer-*.work"} {
		left, err := filepath.Glob(filepath.Join(cache, pattern))
		if err != nil {
			return err
		}
		for _, dir := range left {
			if err := os.RemoveAll(dir); err != nil {
				return err
			}
		}
	}
	return nil
}

// prune removes the layers that were not used for longest.
func prune(cache string) error {
	layers, err := filepath.Glob(filepath.Join(cache, "layer-*"))
	if err != nil {
		return err
	}
	slices.SortFunc(layers, func(a, b string) int { return modified(b).Compare(modified(a)) })
	for _, old := range layers[min(keepLayers, len(layers)):] {
		if err := os.RemoveAll(old); err != nil {
			return err
		}
	}
	return nil
}

// wait locks a file that others hold for no longer than they build something.
func wait(ctx context.Context, dir, name string) (io.Closer, error) {
	for {
		held, err := (&host.Host{Root: dir}).Lock(name)
		if !errors.Is(err, host.ErrLocked) {
			return held, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}
