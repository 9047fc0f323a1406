// Package blocklist is what a node blocks: it reads block lists and whitelists, refuses what would lock somebody out, and
// plans the effective list into the kernel and into /etc/nftables.d/10-blocklist.conf. The arithmetic of addresses is in
// addrset, the kernel's side in kernel. It fetches nothing from a network and touches no table but its own.
package blocklist

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"

	"debvisor/internal/blocklist/addrset"
	"debvisor/internal/blocklist/kernel"
	"debvisor/internal/host"
	"debvisor/internal/names"
)

// Where things are on a node.
const (
	ConfPath       = "/etc/nftables.d/10-blocklist.conf" // what nftables.service loads at boot
	DefaultSource  = "/etc/debvisor/blocklist.txt"
	CopiesDir      = "/etc/debvisor/blocklist.d"        // lists that came from the controller
	SettingsPath   = "/etc/debvisor/blocklist.json"     // how this node reads its lists
	QuarantinePath = "/etc/debvisor/quarantine.json"    // single addresses, each with a reason
	ListPath       = "/var/lib/debvisor/blocklist.list" // what the lists gave that were loaded last
	AuditPath      = names.AuditLog
)

// Settings say how a node makes its list. They are kept on the node, so that a timer and a quarantine read the sources
// again just as the operator asked.
type Settings struct {
	Sources     []string       `json:"sources"`
	Whitelists  []string       `json:"whitelists"`
	Management  []netip.Prefix `json:"management"`   // networks that must never be blocked, besides what the node knows itself
	BlockAnyway []netip.Prefix `json:"block_anyway"` // protected addresses that may be blocked all the same
	SkipInvalid bool           `json:"skip_invalid"` // leave out lines that are no address, instead of refusing the list
}

// ReadSettings are the node's settings; fs.ErrNotExist where it has none yet.
func ReadSettings(h *host.Host) (Settings, error) {
	var s Settings
	data, err := h.ReadFile(SettingsPath)
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("read %s: %w; apply the blocklist role again", SettingsPath, err)
	}
	return s, nil
}

func (s Settings) file() (host.File, error) {
	data, err := json.MarshalIndent(s, "", "  ")
	return host.File{Path: SettingsPath, Content: string(data) + "\n", Mode: 0o644}, err
}

// Table is the blocklist's table in the kernel: a *kernel.Conn.
type Table interface {
	Evidence() (kernel.Evidence, error)
	Inspect(ctx context.Context, want addrset.Set) (kernel.Difference, error)
	Load(ctx context.Context, want addrset.Set) error
	Update(ctx context.Context, from, to addrset.Set) error
	Status(ctx context.Context) (kernel.Status, error)
	Remove(ctx context.Context) error
}

// state is what was loaded last, as far as the node's files tell.
type state struct {
	base       addrset.Set // what the lists gave
	known      bool        // base is known
	quarantine Quarantine
}

// list is all that was blocked.
func (s state) list() addrset.Set { return s.base.Union(s.quarantine.set()) }

// readState reads it. A damaged list is as good as none: nothing is known then, and the next plan looks at the kernel itself.
func readState(h *host.Host) (s state, err error) {
	if s.quarantine, err = ReadQuarantine(h); err != nil {
		return s, err
	}
	data, err := h.ReadFile(ListPath)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	s.known = s.base.UnmarshalBinary(data) == nil
	if !s.known {
		s.base = addrset.Set{}
	}
	return s, nil
}

// Loaded is the effective list that was loaded last.
func Loaded(h *host.Host) (addrset.Set, error) {
	s, err := readState(h)
	return s.list(), err
}
