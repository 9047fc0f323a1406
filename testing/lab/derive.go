package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"debvisor/internal/account"
	"debvisor/internal/host"
	"debvisor/internal/names"
)

// Derive makes a layer; the job is JSON. It is a process of its own whose mounts nobody else sees.
func Derive(ctx context.Context, in io.Reader) error {
	var j job
	if err := json.NewDecoder(in).Decode(&j); err != nil {
		return fmt.Errorf("read what to make: %w", err)
	}
	root := filepath.Join(j.Work, "root")
	if err := j.mount(root); err != nil {
		return err
	}
	h := &host.Host{Root: root, Runner: chroot{root}}
	if len(j.Packages) > 0 {
		if err := j.install(ctx, h); err != nil {
			return err
		}
	}
	if err := addAccounts(ctx, h); err != nil {
		return err
	}
	return os.RemoveAll(filepath.Join(root, "var/cache/apt/pkgcache.bin"))
}

// chroot runs commands with root as their file system.
type chroot struct{ root string }

func (c chroot) Run(ctx context.Context, cmd host.Cmd) ([]byte, error) {
	cmd.Args = append([]string{"chroot", c.root}, cmd.Args...)
	cmd.Env = append(cmd.Env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "DEBIAN_FRONTEND=noninteractive", "HOME=/root")
	return host.System{}.Run(ctx, cmd)
}

// mount lays the layer over the base and puts in what apt needs: the network's names, and a cache that the layers share.
func (j job) mount(root string) error {
	work, debs, lists := filepath.Join(j.Work, "overlay"), filepath.Join(j.Cache, "debs"), filepath.Join(j.Cache, "lists")
	if err := makeDirs(root, work, filepath.Join(debs, "partial"), filepath.Join(lists, "partial")); err != nil {
		return err
	}
	if err := mountOverlay(root, []string{j.Base}, j.Layer, work); err != nil {
		return err
	}
	// An image leaves these out.
	if err := makeDirs(filepath.Join(root, "var/cache/apt/archives"), filepath.Join(root, "var/lib/apt/lists")); err != nil {
		return err
	}
	err := errors.Join(mountAt(filepath.Join(root, "run"), "tmpfs", "mode=755"),
		mountAt(filepath.Join(root, "proc"), "proc", ""),
		bind(debs, filepath.Join(root, "var/cache/apt/archives")),
		bind(lists, filepath.Join(root, "var/lib/apt/lists")))
	if err != nil {
		return err
	}
	names, err := os.ReadFile("/etc/resolv.conf")
	if err != nil {
		return err
	}
	stub := filepath.Join(root, "run/systemd/resolve/stub-resolv.conf")
	if err := makeDirs(filepath.Dir(stub)); err != nil {
		return err
	}
	return os.WriteFile(stub, names, 0o644)
}

func makeDirs(dirs ...string) error {
	for _, dir := range dirs {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	return nil
}

// install is without a network when everything was downloaded before.
func (j job) install(ctx context.Context, h *host.Host) error {
	conf, err := host.System{}.Run(ctx, host.Cmd{Args: []string{"apt-config", "dump"}})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(h.Root, "run/network.conf"), []byte(network(string(conf))), 0o644); err != nil {
		return err
	}
	apt := func(args ...string) error {
		_, err := h.Runner.Run(ctx, host.Cmd{Args: append([]string{"apt-get", "-q", "-y", "--no-install-recommends"}, args...),
			Env: []string{"APT_CONFIG=/run/network.conf"}, Line: func(s string) { fmt.Println(s) }})
		return err
	}
	install := append([]string{"install"}, j.Packages...)
	if first := apt(install...); first != nil {
		if err := apt("update"); err != nil {
			return errors.Join(first, err)
		}
		if err := apt(install...); err != nil {
			return err
		}
	}
	// As on an image: what a package brings stays off until a role enables it.
	_, err = h.Run(ctx, "systemctl", "preset-all")
	return err
}

// network is how this host reaches mirrors. Packages stay in the cache for the next layer.
func network(dump string) string {
	text := "APT::Keep-Downloaded-Packages \"true\";\nAPT::Sandbox::User \"root\";\nAcquire::Languages \"none\";\n"
	for line := range strings.Lines(dump) {
		if strings.HasPrefix(line, "Acquire::http") || strings.HasPrefix(line, "Acquire::Retries") || strings.HasPrefix(line, "Acquire::Check-") {
			text += line
		}
	}
	return text
}

// People who log in to nodes, beside root, with the lab's key.
const (
	Admin = "alex"  // may use sudo, which asks for no password
	Other = "robin" // may do nothing
)

// addAccounts makes those that firstboot makes, and two people.
func addAccounts(ctx context.Context, h *host.Host) error {
	d, err := account.Read(h)
	if err != nil {
		return err
	}
	var changes []host.Change
	for _, name := range names.Accounts {
		changes = append(changes, d.System(name)...)
	}
	for _, p := range []account.Person{{Name: Admin, Groups: []string{"sudo", "libvirt", "kvm"}}, {Name: Other}} {
		login, err := d.Account(p)
		if err != nil {
			return err
		}
		changes = append(changes, login...)
	}
	if err := h.Apply(ctx, changes); err != nil {
		return err
	}
	sudo, err := account.Sudoers(h, []string{Admin})
	if err != nil {
		return err
	}
	return h.Apply(ctx, sudo)
}

func mountAt(dir, kind, options string) error {
	if err := unix.Mount("debvisor-lab", dir, kind, 0, options); err != nil {
		return fmt.Errorf("mount %s at %s: %w", kind, dir, err)
	}
	return nil
}

func bind(from, to string) error {
	if err := unix.Mount(from, to, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount %s at %s: %w", from, to, err)
	}
	return nil
}

// mountOverlay lays upper over the lower trees, the topmost first. A layer that was an upper tree once may lie over
// another base later, so nothing in it may refer to what is below.
func mountOverlay(root string, lower []string, upper, work string) error {
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s,redirect_dir=off,index=off,metacopy=off", strings.Join(lower, ":"), upper, work)
	return mountAt(root, "overlay", options)
}
