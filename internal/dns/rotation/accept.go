package rotation

import (
	"context"
	"fmt"
	"slices"

	"debvisor/internal/host"
	"debvisor/internal/tsig"
)

// mostGenerations a server accepts at a time: the one before, the one in use, the next.
const mostGenerations = 3

// Accept plans, on a server, that it accepts the keys beside those that it has. Where there would be too many, the oldest
// goes that nobody uses, as used says for all clients.
func (m Machine) Accept(ctx context.Context, c Claim, keys []tsig.Key, used []Key) ([]host.Change, error) {
	lease, err := m.renew(c)
	if err != nil {
		return nil, err
	}
	accept, err := m.add(ctx, keys, used)
	return append(lease, accept...), err
}

func (m Machine) add(ctx context.Context, keys []tsig.Key, used []Key) ([]host.Change, error) {
	own, err := tsig.ServerKeys(m.Host)
	if err != nil {
		return nil, err
	}
	var files []host.File
	for _, role := range tsig.Roles {
		added := slices.DeleteFunc(slices.Clone(keys), func(k tsig.Key) bool { return k.Role != role })
		if len(added) == 0 {
			continue
		}
		all, err := merged(own[role], added, used)
		if err != nil {
			return nil, err
		}
		files = append(files, tsig.ServerFile(role, all))
	}
	return m.live(ctx, files)
}

// live removes, before files become live, what a run that was killed left of earlier ones: copies with secrets in them.
func (m Machine) live(ctx context.Context, files []host.File) ([]host.Change, error) {
	left, err := tsig.Leftovers(m.Host)
	if err != nil {
		return nil, err
	}
	changes, err := m.Live(ctx, m.Host, files...)
	return append(left, changes...), err
}

func merged(own, added []tsig.Key, used []Key) ([]tsig.Key, error) {
	all := slices.Clone(own)
	for _, k := range added {
		i := slices.IndexFunc(all, func(o tsig.Key) bool { return o.Name() == k.Name() })
		if i >= 0 && all[i] != k {
			return nil, fmt.Errorf("this server has another key %s; run the rotation anew, which makes a generation that nobody has", k)
		}
		if i < 0 {
			all = append(all, k)
		}
	}
	slices.SortFunc(all, func(a, b tsig.Key) int { return int(int64(b.Serial) - int64(a.Serial)) })
	for len(all) > mostGenerations {
		oldest := unused(all, added, used)
		if oldest < 0 {
			return nil, fmt.Errorf("%d generations are in use already; have every client take up one of them first", len(all))
		}
		all = slices.Delete(all, oldest, oldest+1)
	}
	return all, nil
}

// unused is the last of the keys that is neither new nor used by a client, or -1.
func unused(all, added []tsig.Key, used []Key) int {
	for i := len(all) - 1; i >= 0; i-- {
		if !slices.Contains(added, all[i]) && !slices.Contains(used, keyOf(all[i])) {
			return i
		}
	}
	return -1
}
