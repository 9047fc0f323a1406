package tsig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"debvisor/internal/host"
)

// LockPath is held by everybody who changes keys, or what a name server is configured from.
const LockPath = "/run/debvisor-dns/lock"

// Lock waits until nobody else changes keys or the name server's configuration, a minute at most.
func Lock(ctx context.Context, h *host.Host) (io.Closer, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return h.WaitLock(ctx, LockPath)
}

// PlanKeys plans the keys that this machine lacks: a server's where BIND is installed, and with them those of a client,
// which are the server's that are in use. What is there is never replaced. A machine without BIND gets none: its keys come
// with a rotation. The changes take the lock themselves and look again, so that two runs at once make the same keys.
func PlanKeys(_ context.Context, h *host.Host) ([]host.Change, error) {
	missing, err := planKeys(h, time.Now())
	if err != nil {
		return nil, err
	}
	var changes []host.Change
	for _, m := range missing {
		path := m.path
		changes = append(changes, host.Call{Why: m.change.String(), Do: func(ctx context.Context) error { return makeOne(ctx, h, path) }})
	}
	return changes, nil
}

// lacking is a change to one file.
type lacking struct {
	path   string
	change host.Change
}

// makeOne does what a file lacks, which another run may have done meanwhile.
func makeOne(ctx context.Context, h *host.Host, path string) error {
	lock, err := Lock(ctx, h)
	if err != nil {
		return err
	}
	defer lock.Close()
	missing, err := planKeys(h, time.Now())
	for _, m := range missing {
		if m.path == path {
			err = errors.Join(err, h.Apply(ctx, []host.Change{m.change}))
		}
	}
	return err
}

func planKeys(h *host.Host, now time.Time) ([]lacking, error) {
	bind, err := hasBIND(h)
	if err != nil || !bind {
		return nil, err
	}
	keys, err := ServerKeys(h)
	if err != nil {
		return nil, err
	}
	active, err := ReadActive(h)
	if err != nil {
		return nil, err
	}
	var all []lacking
	for _, role := range Roles {
		if len(keys[role]) == 0 {
			keys[role] = []Key{New(role, serialFor(keys, active, now))}
		}
		files := []host.File{ServerFile(role, keys[role])}
		if slices.Contains(ClientRoles, role) {
			current, _ := active.Current(keys[role])
			files = append(files, ClientFile(current))
		}
		for _, f := range files {
			change, err := unlessThere(h, f)
			if err != nil {
				return nil, err
			}
			all = append(all, change...)
		}
	}
	return all, nil
}

// serialFor is the generation of a role's first key: that of the other roles, so that a rotation finds all at the same one.
func serialFor(keys map[Role][]Key, active Active, now time.Time) uint32 {
	for _, role := range Roles {
		if current, ok := active.Current(keys[role]); ok {
			return current.Serial
		}
	}
	return max(FirstSerial(now), active.Serial)
}

// unlessThere plans a file that is missing, and mode and owner of one that is there, whose content stays.
func unlessThere(h *host.Host, f host.File) ([]lacking, error) {
	data, err := h.ReadFile(f.Path)
	switch {
	case err == nil:
		f.Content = string(data)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	changes, err := h.Need(f)
	if err != nil {
		return nil, err
	}
	all := make([]lacking, len(changes))
	for i, c := range changes {
		all[i] = lacking{path: f.Path, change: c}
	}
	return all, nil
}

// hasBIND: the package makes the group, without which the files of a server could belong to nobody who reads them.
func hasBIND(h *host.Host) (bool, error) {
	data, err := h.ReadFile("/etc/group")
	if err != nil {
		return false, fmt.Errorf("look whether BIND is installed: %w", err)
	}
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "bind:") {
			return true, nil
		}
	}
	return false, nil
}
