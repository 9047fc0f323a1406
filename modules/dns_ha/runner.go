package dns_ha

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"debvisor/internal/ansible"
	"debvisor/internal/dns/rotation"
	"debvisor/internal/host"
)

const (
	fleetInventory = "/etc/debvisor/ansible/inventory.yml"
	hostKeyPath    = "/etc/ssh/ssh_host_ed25519_key.pub"
)

// runner plans what this machine needs to rotate the keys of others: an SSH key of its own, which machines there are, and
// their host keys.
func runner(t *ansible.Task, p params) ([]host.Change, error) {
	changes, err := rotation.PlanRunnerKey(t.Host)
	if err != nil {
		return nil, err
	}
	if len(changes) > 0 {
		changes = append(changes, host.Call{Why: "tell the public half", Do: func(context.Context) error { return tellKey(t) }})
	}
	if err := tellKey(t); err != nil || p.Inventory == "" {
		return changes, err
	}
	files, err := t.Host.Need(
		host.File{Path: rotation.KnownHostsPath, Content: p.KnownHosts, Mode: 0o644},
		host.Dir{Path: "/etc/debvisor/ansible", Mode: 0o755},
		host.File{Path: fleetInventory, Content: p.Inventory, Mode: 0o644})
	return append(changes, files...), err
}

func tellKey(t *ansible.Task) error {
	key, err := publicKey(t.Host, rotation.RunnerKeyPath+".pub")
	t.Return("public_key", key)
	return err
}

// publicKey is the kind and the key of a public key's file; "" where there is none.
func publicKey(h *host.Host, path string) (string, error) {
	data, err := h.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	fields := strings.Fields(string(data))
	return strings.Join(fields[:min(2, len(fields))], " "), err
}
