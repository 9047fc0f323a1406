package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"debvisor/internal/host"
)

// outside measures a group in another run of this program that has a network and mounts of its own. All that it makes
// there ends with it: namespaces below /run/netns, tables, files of a node.
func (b bench) outside(ctx context.Context, wanted []measurement) ([]Figure, error) {
	var names []Figure
	for _, m := range wanted {
		for _, f := range m.figures {
			names = append(names, f)
			if err := os.Remove(f.file(b.results())); err != nil && !os.IsNotExist(err) {
				return nil, err
			}
		}
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(b.work())
	p, err := host.Start(ctx, host.Cmd{Args: []string{"unshare", "--net", "--mount", "--propagation", "private",
		self, "-apart", "-only", b.only, "-dir", b.dir, "-bin", b.bin, "-modules", b.modules, "-runs", strconv.Itoa(b.runs)}},
		host.Streams{Out: os.Stdout, Err: os.Stderr})
	if err != nil {
		return nil, err
	}
	ended := p.Wait()
	for i, f := range names {
		names[i] = f.read(b.results())
		if ended != nil && names[i].Runs == 0 && names[i].Error == "" {
			names[i].Error = ended.Error()
		}
	}
	return names, ctx.Err()
}

// prepareNode makes the lists that all figures of the blocklist are about.
func (b bench) prepareNode(ctx context.Context) error {
	if _, err := b.workspace(); err != nil {
		return err
	}
	if err := node(b.work()); err != nil {
		return err
	}
	return b.makeLists(ctx)
}

// node gives this program the files of a fresh node, in memory: what is written to them says nothing of a disk.
func node(work string) error {
	upper := filepath.Join(work, "node")
	for _, dir := range []string{"/run", "/var/lib", "/var/log", upper} {
		if err := memoryAt(dir); err != nil {
			return err
		}
	}
	for _, dir := range []string{"upper", "work"} {
		if err := os.Mkdir(filepath.Join(upper, dir), 0o755); err != nil {
			return err
		}
	}
	options := fmt.Sprintf("lowerdir=/etc,upperdir=%s/upper,workdir=%s/work", upper, upper)
	if err := unix.Mount("overlay", "/etc", "overlay", 0, options); err != nil {
		return fmt.Errorf("mount an overlay over /etc: %w", err)
	}
	for _, dir := range []string{"/etc/debvisor", "/etc/nftables.d"} {
		if err := memoryAt(dir); err != nil {
			return err
		}
	}
	return nil
}

func memoryAt(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mount a tmpfs over %s: %w", dir, err)
	}
	return nil
}

// freshNet makes an empty network namespace, as part of the mounts of this program.
func freshNet(ctx context.Context, name string) error {
	_, err := run(ctx, nil, "ip", "netns", "add", name)
	return err
}

// within is a command in such a namespace. ip netns exec would mount things for each.
func within(name string, args ...string) []string {
	return append([]string{"nsenter", "--net=/run/netns/" + name}, args...)
}
