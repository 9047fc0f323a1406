// Package dnsha measures and tests the pair of name servers as an operator gets it: nodes of the lab with BIND and keepalived,
// the roles dns-ha and dns-secondary, and clients that know the virtual address alone. It needs root, the minimal edition
// (make iso EDITION=minimal) and the collection (make collection). DEBVISOR_E2E_DNS=1 repeats everything 20 times.
package dnsha

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"debvisor/internal/dns/pair"
	"debvisor/internal/tsig"
	"debvisor/testing/lab"
)

const (
	vip  = "10.99.0.53"
	zone = "debvisor.local"
)

// fleet is nodes 1 and 2, which are the pair, and node 3, which is the arbiter.
type fleet struct {
	*lab.Lab
	key string // a directory with a node's key, as on a node
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	if _, err := os.Stat("../../build/collections/ansible_collections/debvisor/core/plugins"); err != nil {
		t.Skip("needs the collection: make collection")
	}
	l := lab.New(t, lab.Options{Nodes: 3, Packages: []string{"bind9", "bind9-dnsutils", "keepalived", "dnsmasq"}})
	f := &fleet{Lab: l, key: t.TempDir()}
	f.put(t, "groups.ini", "[dns_ha_nodes]\nnode1\nnode2\n[dns_secondaries]\nnode3\n")
	f.sameKeys(t)
	return f
}

func (f *fleet) put(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(f.Shared(), name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// sameKeys makes keys on the first node and gives them to the others, and that of a client to this test.
func (f *fleet) sameKeys(t *testing.T) {
	t.Helper()
	f.on(t, 1, "tsig-keygen.sh")
	for _, role := range tsig.Roles {
		text := f.on(t, 1, "cat "+tsig.ServerPath(role)) + "\n"
		for n := 2; n <= 3; n++ {
			f.write(t, n, text, tsig.ServerPath(role), "root:bind", "0640")
		}
	}
	path := filepath.Join(f.key, tsig.NodeKeyPath)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(f.on(t, 1, "cat "+tsig.NodeKeyPath)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (f *fleet) write(t *testing.T, n int, text, path, owner, mode string) {
	t.Helper()
	if _, err := f.Node(n).ExecInput(t.Context(), text, "sh", "-c", `umask 077 && cat > "$1" && chown "$2" "$1" && chmod "$3" "$1"`, "sh", path, owner, mode); err != nil {
		t.Fatal(err)
	}
}

// converge applies the roles with this interval between keepalived's signs of life.
func (f *fleet) converge(t *testing.T, interval float64) {
	t.Helper()
	vars, err := json.Marshal(map[string]any{
		"dns_ha_vip": vip, "dns_ha_vip_prefix": 24, "dns_ha_interface": "host0", "dns_ha_advert_interval": interval,
		"dns_ha_networks": []string{"10.99.0.0/24", "10.1.0.0/16"},
	})
	if err != nil {
		t.Fatal(err)
	}
	f.put(t, "vars.json", string(vars))
	out, err := f.Playbook(t.Context(), lab.Cores[0], "playbooks/site.yml", "--inventory", filepath.Join(f.Shared(), "groups.ini"),
		"--extra-vars", "@"+filepath.Join(f.Shared(), "vars.json"), "--limit", "nodes", "--tags", "dns_ha,dns_secondary")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	f.together(t)
}

// on runs a command on a node, which must succeed.
func (f *fleet) on(t *testing.T, n int, command string) string {
	t.Helper()
	out, err := f.Node(n).Exec(t.Context(), "sh", "-c", command)
	if err != nil {
		t.Fatalf("node%d: %v", n, err)
	}
	return strings.TrimSpace(out)
}

// report is what a node of the pair says of itself.
func (f *fleet) report(ctx context.Context, n int) (r pair.Report, err error) {
	out, err := f.Node(n).Exec(ctx, "debvisor", "dns", "status", "--json")
	if err != nil {
		return r, err
	}
	said := struct{ State *pair.Report }{&r}
	return r, json.Unmarshal([]byte(out), &said)
}

// holder is the node that has the virtual address; 0 while none has it, or both.
func (f *fleet) holder(ctx context.Context) (holder int, err error) {
	for n := 1; n <= 2; n++ {
		r, err := f.report(ctx, n)
		if err != nil {
			return 0, err
		}
		switch {
		case len(r.Here) > 0 && holder > 0:
			return 0, errors.New("both nodes have the virtual address")
		case len(r.Here) > 0:
			holder = n
		}
	}
	if holder == 0 {
		return 0, errors.New("no node has the virtual address")
	}
	return holder, nil
}

// together waits until the two are members of every zone in the same epoch and one has the virtual address, and says which.
func (f *fleet) together(t *testing.T) (holder int) {
	t.Helper()
	until(t, 40*time.Second, func() (err error) {
		return f.agree(t.Context(), func(z pair.ZoneReport) string { return fmt.Sprint(z.Zone, z.Epoch, z.Writer) })
	})
	until(t, 10*time.Second, func() (err error) {
		holder, err = f.holder(t.Context())
		return err
	})
	return holder
}

// equal waits until both have the same serials as well, which they do once nobody writes.
func (f *fleet) equal(t *testing.T) {
	t.Helper()
	until(t, 10*time.Second, func() error {
		return f.agree(t.Context(), func(z pair.ZoneReport) string { return fmt.Sprint(z.Zone, z.Epoch, z.Writer, z.Serial) })
	})
}

// agree is nil when each sees the other, both are members of every zone, and what they say of their zones is the same.
func (f *fleet) agree(ctx context.Context, says func(pair.ZoneReport) string) error {
	var said [2]string
	for n := range said {
		r, err := f.report(ctx, n+1)
		if err != nil {
			return err
		}
		for _, z := range r.Zones {
			if len(z.Members) != 2 || z.PeerState != pair.Answers.String() || !r.Answers {
				return fmt.Errorf("node%d: %s", n+1, r.String())
			}
			said[n] += says(z) + "; "
		}
	}
	if said[0] != said[1] {
		return fmt.Errorf("the nodes say %s and %s", said[0], said[1])
	}
	return nil
}

// writer is the node that writes to the zone.
func (f *fleet) writer(t *testing.T) int {
	t.Helper()
	r, err := f.report(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	for n, node := range f.Nodes() {
		if r.Zones[0].Writer == netip.MustParseAddr(node.IPv4) {
			return n + 1
		}
	}
	t.Fatalf("nobody writes: %s", r.String())
	return 0
}

func until(t *testing.T, patience time.Duration, try func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if err = try(); err == nil {
			return
		}
	}
	t.Fatalf("after %s: %v", patience, err)
}

// repetitions is how often a thing is tried.
func repetitions() int {
	if os.Getenv("DEBVISOR_E2E_DNS") == "1" {
		return 20
	}
	return 1
}
