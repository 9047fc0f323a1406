package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"strings"
	"time"

	"debvisor/internal/dns"
	"debvisor/internal/dns/update"
	"debvisor/internal/host"
	"debvisor/internal/names"
	"debvisor/internal/tsig"
)

const (
	auditPath     = names.AuditLog
	machineIDPath = "/etc/machine-id"
	dnsPort       = 53
)

// client is where changes are sent, and what they have in common.
func (f *updateFlags) client() (*update.Client, update.Defaults, error) {
	var d update.Defaults
	settings, err := f.settings()
	if err != nil {
		return nil, d, err
	}
	d = update.Defaults{Zone: settings.Zone, TTL: settings.TTL, NoPTR: f.noPTR}
	if d.Owner, err = f.identity(); err != nil {
		return nil, d, err
	}
	key, err := f.signingKey()
	return &update.Client{Servers: settings.Servers, Key: key}, d, err
}

// settings are the node's, and what the flags say instead.
func (f *updateFlags) settings() (dns.Client, error) {
	settings, err := dns.LoadClient(f.h)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return settings, err
	}
	if f.zone != "" {
		settings.Zone = f.zone
	}
	if f.ttl != 0 {
		settings.TTL = f.ttl
	}
	if len(f.servers) > 0 {
		settings.Servers = nil
	}
	for _, text := range f.servers {
		server, err := serverAt(text)
		if err != nil {
			return settings, err
		}
		settings.Servers = append(settings.Servers, server)
	}
	if settings.Zone == "" || len(settings.Servers) == 0 {
		return settings, fmt.Errorf("there is no %s to say which zone and which server: give --zone and --server", dns.ClientPath)
	}
	return settings, nil
}

// serverAt reads an address, with or without a port.
func serverAt(text string) (netip.AddrPort, error) {
	if a, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return netip.AddrPortFrom(a, dnsPort), nil
	}
	at, err := netip.ParseAddrPort(text)
	if err != nil {
		return at, fmt.Errorf("--server: %q is not an address", text)
	}
	return at, nil
}

func (f *updateFlags) identity() (update.Identity, error) {
	if f.owner != "" {
		return update.IdentityOf(f.owner)
	}
	id, err := f.h.ReadFile(machineIDPath)
	if err != nil {
		return update.Identity{}, fmt.Errorf("whose are the names? %w; give --owner UUID", err)
	}
	return update.IdentityOf(string(id))
}

func (f *updateFlags) signingKey() (tsig.Key, error) {
	if f.key == "" {
		return tsig.ClientKey(f.h, tsig.Node)
	}
	text, err := os.ReadFile(f.key)
	if err != nil {
		return tsig.Key{}, err
	}
	keys, err := tsig.Parse(f.key, string(text))
	if err == nil && len(keys) != 1 {
		err = fmt.Errorf("%s has %d keys, not one", f.key, len(keys))
	}
	if err != nil {
		return tsig.Key{}, err
	}
	return keys[0], nil
}

// recordUpdates writes the outcomes into the audit log, a line each; all are synced at once.
func recordUpdates(ctx context.Context, h *host.Host, outcomes []update.Outcome) error {
	if len(outcomes) == 0 {
		return nil
	}
	lines := make([]string, len(outcomes))
	for i, o := range outcomes {
		line, err := json.Marshal(struct {
			Time      time.Time     `json:"time"`
			Action    string        `json:"action"`
			Name      string        `json:"name"`
			Addresses []netip.Addr  `json:"addresses"`
			Owner     string        `json:"owner"`
			Result    update.Result `json:"result"`
			Why       string        `json:"why,omitempty"`
		}{time.Now().UTC().Truncate(time.Second), "dns " + verb(o), o.Change.Name, o.Change.Addresses, o.Change.Owner.String(), o.Result, why(o)})
		if err != nil {
			return err
		}
		lines[i] = string(line)
	}
	return h.Apply(ctx, []host.Change{host.Append{Path: auditPath, Line: strings.Join(lines, "\n"), Mode: 0o640}})
}

func verb(o update.Outcome) string {
	if o.Change.Add {
		return "add"
	}
	return "remove"
}

func why(o update.Outcome) string {
	if err := o.Err(); err != nil {
		return err.Error()
	}
	return ""
}
