package named

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"debvisor/internal/dns"
	"debvisor/internal/host"
)

// Plan plans that named has the zones that the settings, the keys and the roles on the machine make. On one that is no name
// server of DebVisor there is nothing to plan. An error, also of a check, means that nothing was changed.
func Plan(ctx context.Context, h *host.Host) ([]host.Change, error) { return PlanFiles(ctx, h) }

// PlanRoles is Plan with these roles, which are kept.
func PlanRoles(ctx context.Context, h *host.Host, roles map[string]Role) ([]host.Change, error) {
	data, err := json.MarshalIndent(roles, "", "  ")
	if err != nil {
		return nil, err
	}
	return PlanFiles(ctx, h, host.File{Path: rolesPath, Content: string(data) + "\n", Mode: 0o644})
}

// PlanFiles is Plan with these files in the place of those on the disk: keys, settings, a part of named.conf. Either all of
// them become live or none does. On a machine that is no name server they are just written.
func PlanFiles(ctx context.Context, h *host.Host, files ...host.File) ([]host.Change, error) {
	v := view{h, files}
	zones, err := v.zones()
	if errors.Is(err, fs.ErrNotExist) {
		return v.write()
	}
	if err != nil {
		return nil, err
	}
	v.files = append(slices.Clone(files), host.File{Path: ZonesPath, Content: zones, Mode: 0o644})
	writes, err := v.write()
	if err != nil || len(writes) == 0 && !h.Exists(pendingPath) {
		return nil, err
	}
	return v.live(ctx, writes)
}

// zones is what ZonesPath must hold. ErrNotExist: this is no name server.
func (v view) zones() (string, error) {
	data, err := v.read(dns.ServerPath)
	if err != nil {
		return "", err
	}
	s, err := dns.ParseServer(data)
	if err != nil {
		return "", err
	}
	keys, err := v.keys()
	if err != nil {
		return "", err
	}
	roles, err := v.roles()
	return Zones(s, keys, roles), err
}

func (v view) write() ([]host.Change, error) {
	wants := make([]host.Want, len(v.files))
	for i, f := range v.files {
		wants[i] = f
	}
	return v.host.Need(wants...)
}

// pendingPath is there from before files change until named has taken them up, so that a run that was ended in between is
// finished by the next one.
const pendingPath = RunDir + "/named.pending"

func (v view) live(ctx context.Context, writes []host.Change) ([]host.Change, error) {
	var conf text
	if err := v.inlined(&conf, ConfPath, 0); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w: install bind9, whose files the name server's are read with", err)
		}
		return nil, err
	}
	complete := conf.zonesThere(v.host)
	if err := conf.check(ctx, v.host, complete); err != nil {
		return nil, err
	}
	pending, err := v.host.Need(host.Dir{Path: RunDir, Mode: 0o755}, host.File{Path: pendingPath, Mode: 0o600})
	if err != nil {
		return nil, err
	}
	running, err := running(v.host)
	if err != nil {
		return nil, err
	}
	if !complete { // their files are written by changes before these
		pending = append(pending, host.Call{Why: "check the configuration and the zones: named-checkconf -z", Do: func(ctx context.Context) error {
			return conf.check(ctx, v.host, true)
		}})
	}
	changes := slices.Concat(pending, writes)
	if running {
		changes = append(pending, v.reconfigured(writes))
	}
	return append(changes, host.Remove{Path: pendingPath}), nil
}

// reconfigured writes files and has named read them. Where that goes wrong, the files are again what they were, and named reads
// those: it may have taken the new ones up although nobody heard of it.
func (v view) reconfigured(writes []host.Change) host.Change {
	why := "have named take up its configuration: rndc reconfig"
	before, after := diff(writes)
	return host.Call{Why: why, Before: before, After: after, Do: func(ctx context.Context) error {
		if err := v.host.Apply(ctx, writes); err != nil {
			return errors.Join(err, v.host.Apply(context.WithoutCancel(ctx), undone(writes)))
		}
		if _, err := v.host.Run(ctx, "rndc", "reconfig"); err != nil {
			return errors.Join(err, v.takenBack(context.WithoutCancel(ctx), writes))
		}
		return nil
	}}
}

// backWithin is far more than named needs to read its configuration. Who was cut off is waited for no longer.
const backWithin = 10 * time.Second

func (v view) takenBack(ctx context.Context, writes []host.Change) error {
	ctx, stop := context.WithTimeout(ctx, backWithin)
	defer stop()
	if err := v.host.Apply(ctx, undone(writes)); err != nil {
		return err
	}
	if _, err := v.host.Run(ctx, "rndc", "reconfig"); err != nil {
		return fmt.Errorf("the files are as they were, and named may have the new ones all the same; the next run has it read them again: %w", err)
	}
	return nil
}

func undone(writes []host.Change) []host.Change {
	var back []host.Change
	for _, c := range writes {
		switch w, ok := c.(host.Write); {
		case ok && w.New:
			back = append(back, host.Remove{Path: w.Path})
		case ok:
			w.Before, w.After = w.After, w.Before
			back = append(back, w)
		}
	}
	return back
}

// diff is what becomes of files that hold no secret.
func diff(writes []host.Change) (before, after string) {
	var b, a strings.Builder
	for _, c := range writes {
		if w, ok := c.(host.Write); ok && !w.Secret {
			fmt.Fprintf(&b, "# %s\n%s", w.Path, w.Before)
			fmt.Fprintf(&a, "# %s\n%s", w.Path, w.After)
		}
	}
	return b.String(), a.String()
}
