package rotation

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"debvisor/internal/host"
	"debvisor/internal/tsig"
)

// Wait is how much of the time of grace is left before the old keys may be retired; nothing where there are none.
func (m Machine) Wait(serial uint32, grace time.Duration) (time.Duration, error) {
	own, err := tsig.ServerKeys(m.Host)
	if err != nil || !slices.ContainsFunc(tsig.Roles, func(r tsig.Role) bool { return len(without(own[r], serial)) > 0 }) {
		return 0, err
	}
	active, err := tsig.ReadActive(m.Host)
	if err != nil {
		return 0, err
	}
	if active.Serial != serial {
		return 0, fmt.Errorf("generation %d is not in use on this server: activate comes first", serial)
	}
	return max(0, active.Since.Add(grace).Sub(m.Now)), nil
}

// without are the keys of all other generations than serial.
func without(keys []tsig.Key, serial uint32) []tsig.Key {
	return slices.DeleteFunc(slices.Clone(keys), func(k tsig.Key) bool { return k.Serial == serial })
}

// Retire plans that this server accepts no generation but the one in use, which is refused until the time of grace is
// over, then what monitoring reads, and that the next rotation may begin.
func (m Machine) Retire(ctx context.Context, c Claim, serial uint32, grace time.Duration) ([]host.Change, error) {
	if _, err := m.mine(c); err != nil {
		return nil, err
	}
	wait, err := m.Wait(serial, grace)
	if err != nil {
		return nil, err
	}
	if wait > 0 {
		return nil, fmt.Errorf("%w: %s are left", ErrGrace, wait.Round(time.Second))
	}
	drop, err := m.drop(ctx, serial)
	if err != nil {
		return nil, err
	}
	metric, err := m.metric(serial)
	if err != nil {
		return nil, err
	}
	release, err := m.release(c)
	return slices.Concat(m.recorded("retire", c, serial, drop), metric, release), err
}

func (m Machine) drop(ctx context.Context, serial uint32) ([]host.Change, error) {
	own, err := tsig.ServerKeys(m.Host)
	if err != nil {
		return nil, err
	}
	var files []host.File
	for _, role := range tsig.Roles {
		kept := slices.DeleteFunc(slices.Clone(own[role]), func(k tsig.Key) bool { return k.Serial != serial })
		if len(kept) == 0 {
			return nil, fmt.Errorf("this server has no key of the role %s of generation %d", role, serial)
		}
		files = append(files, tsig.ServerFile(role, kept))
	}
	return m.live(ctx, files)
}

// MetricPath is what the node exporter reads.
const MetricPath = "/var/lib/prometheus/node-exporter/debvisor_tsig.prom"

// metric plans the time at which the rotation ended; one that is there for this generation stays.
func (m Machine) metric(serial uint32) ([]host.Change, error) {
	generation := fmt.Sprintf("debvisor_tsig_generation %d\n", serial)
	if data, err := m.ReadFile(MetricPath); err == nil && strings.Contains(string(data), "\n"+generation) {
		return nil, nil
	}
	text := "# HELP debvisor_tsig_rotation_timestamp_seconds When the last rotation of the TSIG keys ended.\n" +
		"# TYPE debvisor_tsig_rotation_timestamp_seconds gauge\n" +
		fmt.Sprintf("debvisor_tsig_rotation_timestamp_seconds %d\n", m.Now.Unix()) +
		"# HELP debvisor_tsig_generation The generation of the TSIG keys in use.\n" +
		"# TYPE debvisor_tsig_generation gauge\n" + generation
	return m.Need(host.File{Path: MetricPath, Content: text, Mode: 0o644})
}
