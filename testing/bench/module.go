package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	blocking "debvisor/internal/blocklist"
)

// measureModule runs the module on a node that knows nothing, on one where only the rendered file is missing, and on one
// where nothing is.
func measureModule(ctx context.Context, b bench, f []Figure) error {
	if err := freshNet(ctx, "module"); err != nil {
		return err
	}
	m, err := b.module(ctx)
	if err != nil {
		return err
	}
	peer, err := b.python(ctx)
	if err != nil {
		return err
	}
	first, err := m.must("first", true)()
	if err != nil {
		return err
	}
	if got, want := m.ranges, peer.ranges; got != want {
		return fmt.Errorf("the module has %d ranges, Python %d", got, want)
	}
	rendered, _, err := compare(b.runs, 0, m.withoutFile(), nil)
	if err != nil {
		return err
	}
	f[0].set(rendered.cpu, peer.cpu)
	if err := freshNet(ctx, "module-peer"); err != nil {
		return err
	}
	load, err := run(ctx, nil, within("module-peer", "nft", "-f", b.path(large, ".nft"))...)
	if err != nil {
		return err
	}
	f[1].set(first.seconds, []float64{peer.seconds[0] + load.seconds[0]})
	return b.unchanged(ctx, m, &f[2])
}

// unchanged also has the set read back, which a module would do that cannot do without.
func (b bench) unchanged(ctx context.Context, m *module, f *Figure) error {
	again, back, err := compare(2*b.runs, 1, m.must("again", false), command(ctx, within("module-peer", "nft", "list", "set", "inet", "peer", "blocked")...))
	if err != nil {
		return err
	}
	f.set(again.seconds, back.seconds)
	_, err = run(ctx, nil, "ip", "netns", "del", "module-peer")
	return err
}

// module is the module with its arguments.
type module struct {
	ctx     context.Context
	command []string
	ranges  int
}

func (b bench) module(ctx context.Context) (*module, error) {
	args, err := json.Marshal(map[string]any{"_ansible_module_name": "debvisor.core.blocklist",
		"sources": []string{b.path(large, ".txt")}, "whitelists": []string{b.path(large, ".allow")}})
	if err != nil {
		return nil, err
	}
	name, err := b.write("module.json", string(args))
	return &module{ctx: ctx, command: within("module", b.modules, name)}, err
}

// must is a run of the module that changes something, or nothing.
func (m *module) must(which string, change bool) task {
	return func() (used, error) {
		var out bytes.Buffer
		u, err := run(m.ctx, &out, m.command...)
		if err != nil {
			return u, fmt.Errorf("%w: %s", err, out.Bytes())
		}
		var said struct {
			Changed bool           `json:"changed"`
			Counts  map[string]int `json:"counts"`
		}
		if err := json.Unmarshal(out.Bytes(), &said); err != nil {
			return u, err
		}
		if said.Changed != change {
			return u, fmt.Errorf("the %s run of the module changed something: %t", which, said.Changed)
		}
		m.ranges = said.Counts["hosts_ipv4"] + said.Counts["ranges_ipv4"]
		return u, nil
	}
}

func (m *module) withoutFile() task {
	run := m.must("rendering", true)
	return func() (used, error) {
		if err := os.Remove(blocking.ConfPath); err != nil {
			return used{}, err
		}
		u, err := run()
		if _, missing := os.Stat(blocking.ConfPath); err == nil && missing != nil {
			err = missing
		}
		return u, err
	}
}

// pythonRun is one run of the peer; it takes most of a minute.
type pythonRun struct {
	used
	ranges int
}

func (b bench) python(ctx context.Context) (pythonRun, error) {
	script, err := b.write("blocklist_ipaddress.py", ipaddressPeer)
	if err != nil {
		return pythonRun{}, err
	}
	var out bytes.Buffer
	u, err := run(ctx, &out, "/usr/bin/python3", script, b.path(large, ".txt"), b.path(large, ".allow"), b.path("python", ".conf"))
	if err != nil {
		return pythonRun{}, err
	}
	n, err := strconv.Atoi(strings.TrimSpace(out.String()))
	if err == nil && n == 0 {
		err = errors.New("the peer in Python found nothing")
	}
	return pythonRun{u, n}, err
}
