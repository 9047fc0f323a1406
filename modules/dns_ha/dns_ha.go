// Package dns_ha is the Ansible module dns_ha: a name server of a pair, or a further one, with BIND, keepalived and the filter
// of port 53. The zones are internal/dns/named's, the firewall is internal/nft's; who writes is decided by the node itself.
package dns_ha

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"debvisor/internal/ansible"
	"debvisor/internal/dns"
	"debvisor/internal/dns/named"
	"debvisor/internal/dns/rotation"
	"debvisor/internal/host"
	"debvisor/internal/nft"
)

//go:embed dns_ha.yml
var docs string

// Module is the module.
var Module = ansible.New(docs, func(ctx context.Context, t *ansible.Task, p params) ([]host.Change, error) {
	fingerprints, err := fingerprints(t.Host)
	t.Return("fingerprints", fingerprints)
	if err != nil {
		return nil, err
	}
	switch p.State {
	case "keys":
		key, err := publicKey(t.Host, hostKeyPath)
		zones, unread := dns.Seen(t.Host)
		t.Return("host_key", key)
		t.Return("zones", zones)
		return nil, errors.Join(err, unread)
	case "runner":
		return runner(t, p)
	case "trusting":
		return rotation.PlanCredential(t.Host, rotation.Credential{Keys: p.RunnerKeys, From: p.RunnerFrom})
	}
	if err := sameKeys(fingerprints, p.OtherKeys); err != nil {
		return nil, err
	}
	if err := lock(ctx, t.Host); err != nil {
		return nil, err
	}
	keepalivedSecrets(t, p.Keepalived)
	return plan(ctx, t.Host, p)
})

// plan checks all that is new before the first change to what is live.
func plan(ctx context.Context, h *host.Host, p params) ([]host.Change, error) {
	s, err := p.server()
	if err != nil {
		return nil, err
	}
	if err := oneRole(h, s); err != nil {
		return nil, err
	}
	zones, err := p.zoneFiles(ctx, h, s)
	if err != nil {
		return nil, err
	}
	served, err := p.named(ctx, h, s)
	if err != nil {
		return nil, err
	}
	checked, balanced, err := keepalived(ctx, h, p.Keepalived)
	if err != nil {
		return nil, err
	}
	filtered, err := p.filter(ctx, h)
	if err != nil {
		return nil, err
	}
	started, err := units(ctx, h, p)
	return slices.Concat(p.seen(h, s), checked, filtered, zones, served, balanced, started), err
}

// seen has this server know of zones that the other one has: after it was installed anew it must not begin them.
func (p params) seen(h *host.Host, s dns.Server) (changes []host.Change) {
	for _, z := range s.Zones {
		if slices.Contains(p.OtherZones, z.Name) && !h.Exists(dns.SeenPath(z.Name)) {
			changes = append(changes, host.Mkdir{Path: path.Dir(dns.SeenPath(z.Name)), Mode: 0o700},
				host.Write{Path: dns.SeenPath(z.Name), After: "the other server has it\n", Mode: 0o600, New: true})
		}
	}
	return changes
}

func (p params) named(ctx context.Context, h *host.Host, s dns.Server) ([]host.Change, error) {
	settings, err := dns.Text(s)
	if err != nil {
		return nil, err
	}
	return named.PlanFiles(ctx, h,
		host.File{Path: dns.ServerPath, Content: settings, Mode: 0o644},
		host.File{Path: named.OptionsPath, Content: p.Options, Mode: 0o644},
		host.File{Path: named.LocalPath, Content: p.Local, Mode: 0o644})
}

func (p params) filter(ctx context.Context, h *host.Host) ([]host.Change, error) {
	if p.Firewall == "" {
		return nil, nil
	}
	return nft.PlanDropIn(ctx, h, "20-dns.conf", p.Firewall)
}

// oneRole refuses to make a server of a pair of a further one, and the other way round: the zones of the one would be lost.
func oneRole(h *host.Host, s dns.Server) error {
	had, err := dns.LoadServer(h)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && (len(had.Primaries) > 0) != (len(s.Primaries) > 0) {
		return fmt.Errorf("mode: this machine has the other role already (dns-ha and dns-secondary exclude each other); to change it, stop named, and remove %s and the zones in %s first",
			dns.ServerPath, named.ZoneDir)
	}
	return err
}
