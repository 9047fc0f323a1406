package dns_ha

import (
	"context"
	"io"

	"debvisor/internal/dns/named"
	"debvisor/internal/host"
	"debvisor/internal/nft"
	"debvisor/internal/unit"
)

// pairUnit decides who of a pair writes, and whether keepalived may have the virtual address.
const pairUnit = "debvisor-dns-pair.service"

// units plans what runs. The locks are given up before: what starts with named renders its zones and takes one itself.
func units(ctx context.Context, h *host.Host, p params) ([]host.Change, error) {
	names := []string{"named.service"}
	if p.Mode == "pair" {
		names = append(names, pairUnit)
	}
	if p.Keepalived != "" {
		names = append(names, keepalivedUnit)
	}
	var changes []host.Change
	for _, name := range names {
		started, err := unit.Started(ctx, h, name)
		if err != nil {
			return nil, err
		}
		changes = append(changes, started...)
	}
	for i, c := range changes {
		changes[i] = host.Call{Why: c.String(), Do: func(ctx context.Context) error {
			if err := release(h); err != nil {
				return err
			}
			return h.Apply(ctx, []host.Change{c})
		}}
	}
	return changes, nil
}

// locked is held from the plan over the changes, and after that until the process ends.
var locked = map[*host.Host][]io.Closer{}

func lock(ctx context.Context, h *host.Host) error {
	if len(locked[h]) > 0 {
		return nil
	}
	firewall, err := nft.Lock(ctx, h)
	if err != nil {
		return err
	}
	locked[h] = append(locked[h], firewall)
	names, err := named.Lock(ctx, h)
	if err == nil {
		locked[h] = append(locked[h], names)
	}
	return err
}

func release(h *host.Host) error {
	for _, l := range locked[h] {
		if err := l.Close(); err != nil {
			return err
		}
	}
	delete(locked, h)
	return nil
}
