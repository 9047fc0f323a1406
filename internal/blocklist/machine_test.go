package blocklist

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"debvisor/internal/blocklist/addrset"
	"debvisor/internal/blocklist/kernel"
	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
)

// fakeTable is a kernel that remembers what it was told, and how.
type fakeTable struct {
	there      bool
	list       addrset.Set
	generation uint32
	did        []string
	err        error
}

func (f *fakeTable) Evidence() (kernel.Evidence, error) {
	return kernel.Evidence{Generation: f.generation + 1}, nil
}

func (f *fakeTable) Inspect(_ context.Context, want addrset.Set) (kernel.Difference, error) {
	f.did = append(f.did, "inspect")
	switch {
	case !f.there:
		return kernel.Difference{Structure: []string{"there is no table"}}, nil
	case !f.list.Equal(want):
		return kernel.Difference{Elements: []string{"other elements"}}, nil
	}
	return kernel.Difference{}, nil
}

func (f *fakeTable) Load(_ context.Context, want addrset.Set) error { return f.set("load", want) }

func (f *fakeTable) Update(_ context.Context, from, to addrset.Set) error {
	if !f.list.Equal(from) {
		return errors.New("update of a table that holds something else")
	}
	return f.set("update", to)
}

func (f *fakeTable) set(how string, list addrset.Set) error {
	f.did = append(f.did, how)
	if f.err == nil {
		f.there, f.list = true, list
		f.generation++
	}
	return f.err
}

func (f *fakeTable) Remove(context.Context) error {
	f.there, f.list = false, addrset.Set{}
	f.generation++
	return nil
}

func (f *fakeTable) Status(context.Context) (kernel.Status, error) {
	return kernel.Status{Present: f.there}, nil
}

// took is what was done to the kernel since the last time.
func (f *fakeTable) took() string {
	did := strings.Join(f.did, " ")
	f.did = nil
	return did
}

// node is a machine with an address, a gateway and an SSH client.
type node struct {
	*hosttest.Machine
	table *fakeTable
	Desired
}

func newNode(t *testing.T, files string) *node {
	m := hosttest.New(t, files)
	m.Runner.Answer("ip -j addr show", `[{"ifname":"lo","addr_info":[{"local":"127.0.0.1"}]},{"ifname":"br0","addr_info":[{"local":"192.0.2.11"},{"local":"fe80::1"},{"local":"2001:db8::11"}]}]`)
	m.Runner.Answer("ip -j -4 route show default", `[{"dst":"default","gateway":"192.0.2.1"}]`)
	m.Runner.Answer("ip -j -6 route show default", `[{"dst":"default","nexthops":[{"gateway":"2001:db8::1"}]}]`)
	m.Runner.Answer("ss -Htnp state established", strings.Join([]string{
		`0 0 192.0.2.11:22 198.51.100.9:50000 users:(("sshd-session",pid=7,fd=4))`,
		`0 0 [2001:db8::11]:22 [2001:db8:a::9]:50000 users:(("sshd",pid=8,fd=4),("sshd",pid=9,fd=4))`,
		`0 0 192.0.2.11:40000 203.0.113.80:443 users:(("curl",pid=9,fd=4))`,
		`0 0 192.0.2.11:40001 203.0.113.81:443`}, "\n")+"\n")
	n := &node{Machine: m, table: &fakeTable{}}
	n.Sources = []string{DefaultSource}
	n.Now, n.By = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC), "alex"
	return n
}

func (n *node) plan(t *testing.T) (Outcome, error) {
	t.Helper()
	return Plan(t.Context(), n.Host, n.table, n.Desired)
}

// converge plans, applies and plans again: nothing may be left.
func (n *node) converge(t *testing.T) Outcome {
	t.Helper()
	o, err := n.plan(t)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Apply(t.Context(), o.Changes); err != nil {
		t.Fatal(err)
	}
	if again, err := n.plan(t); err != nil || len(again.Changes) > 0 {
		t.Fatalf("planned again: %s, %v", hosttest.Lines(again.Changes), err)
	}
	return o
}

func (n *node) write(t *testing.T, path, text string) {
	t.Helper()
	if err := n.Apply(t.Context(), []host.Change{host.Write{Path: path, After: text, Mode: 0o644}}); err != nil {
		t.Fatal(err)
	}
}

func (n *node) read(t *testing.T, path string) string {
	t.Helper()
	data, err := n.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func (n *node) blocks(address string) bool { return n.table.blocks(address) }

func (f *fakeTable) blocks(address string) bool { return f.list.Contains(netip.MustParseAddr(address)) }
