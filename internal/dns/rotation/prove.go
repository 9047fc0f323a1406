package rotation

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"

	"debvisor/internal/dns"
	"debvisor/internal/tsig"
)

const port = 53

// ErrUnproven: a server does not take a key, or does not answer.
var ErrUnproven = errors.New("the key is not proven")

// ProveServer asks this machine's own name server something signed with each of the keys, and says how often. One that is
// no server has nobody to ask.
func (m Machine) ProveServer(ctx context.Context, keys []tsig.Key) (proven int, err error) {
	s, err := dns.LoadServer(m.Host)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(s.Zones) == 0 {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	var wrong []error
	for _, k := range keys {
		writes := k.Role != tsig.Transfer && len(s.Primaries) == 0
		wrong = append(wrong, m.probe(ctx, netip.AddrPortFrom(s.Self, port), s.Zones[0].Name, k, writes))
	}
	return len(keys), errors.Join(wrong...)
}

// ProveClient asks each server that this machine registers names at something signed with each of the keys, or, without
// keys, with its own, which must be of the generation. A machine that registers nothing has nobody to ask.
func (m Machine) ProveClient(ctx context.Context, keys []tsig.Key, serial uint32) (proven int, err error) {
	own, err := m.clientKeys()
	if err != nil {
		return 0, err
	}
	for _, k := range own {
		if serial != 0 && k.Serial != serial {
			return 0, fmt.Errorf("%w: this machine signs with %s, not with generation %d", ErrUnproven, k, serial)
		}
	}
	if keys == nil {
		keys = own
	}
	c, err := dns.LoadClient(m.Host)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, m.unasked(keys)
	}
	if err != nil {
		return 0, err
	}
	return m.proveEach(ctx, c, keys)
}

// unasked refuses keys that no answer speaks for: they are this machine's own, nobody is served with them, and the ones that
// it signs with are of other servers.
func (m Machine) unasked(keys []tsig.Key) error {
	f, err := m.Facts()
	if err != nil || f.Serves {
		return err
	}
	for _, k := range keys {
		if had, ok := f.Client[k.Role]; ok && had != keyOf(k) && f.has(k.Role, keyOf(k)) && !f.has(k.Role, had) {
			return fmt.Errorf("%w: nobody was asked about %s, and other servers than this machine's own have %s", ErrUnproven, k, had.Name)
		}
	}
	return nil
}

func (m Machine) proveEach(ctx context.Context, c dns.Client, keys []tsig.Key) (proven int, err error) {
	var wrong []error
	for _, k := range keys {
		if tsig.ClientPath(k.Role) == "" {
			continue
		}
		for _, server := range c.Servers {
			proven++
			wrong = append(wrong, m.probe(ctx, server, c.Zone, k, true))
		}
	}
	return proven, errors.Join(wrong...)
}

func (m Machine) probe(ctx context.Context, server netip.AddrPort, zone string, k tsig.Key, writes bool) error {
	if err := m.Probe(ctx, server, zone, k, writes); err != nil {
		return fmt.Errorf("%w: %s at %s: %w", ErrUnproven, k, server, err)
	}
	return nil
}

func (m Machine) clientKeys() (all []tsig.Key, err error) {
	for _, role := range tsig.ClientRoles {
		k, err := tsig.ClientKey(m.Host, role)
		if err == nil {
			all = append(all, k)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return all, nil
}
