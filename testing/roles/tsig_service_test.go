package roles_test

import (
	"os"
	"strings"
	"testing"

	"debvisor/internal/host"
	"debvisor/testing/lab"
)

// A single node rotates its own keys by its timer's service, as an account that may do the steps alone.
func TestASingleNodeRotatesItsKeys(t *testing.T) {
	if _, err := os.Stat("../../build/collections/ansible_collections/debvisor/core/plugins"); err != nil {
		t.Skip("needs the collection: make collection")
	}
	l := lab.New(t, lab.Options{Nodes: 1, Packages: append([]string{"ansible-core"}, dnsPackages...)})
	f := &fleet{Lab: l, core: lab.Cores[0], dir: t.TempDir()}
	f.on(t, 1, "useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin tsig-rotator 2>/dev/null || id tsig-rotator")
	f.keyServer(t, 1)
	if out := f.on(t, 1, "rm -rf /usr/share/ansible/collections; run-tsig-rotation.sh"); !strings.Contains(out, "the keys are not rotated") {
		t.Errorf("without a playbook: %s", out)
	}
	f.collection(t, 1)
	before := f.on(t, 1, "debvisor tsig show | grep client")
	f.on(t, 1, "systemctl start --no-block tsig-rotate.service; until test -e /var/lib/debvisor/tsig/active.json || systemctl is-failed --quiet tsig-rotate.service; do sleep 0.2; done")
	after := f.on(t, 1, "debvisor tsig show | grep client")
	if before == after {
		t.Errorf("still\n%s\n%s", after, f.on(t, 1, "systemctl status --no-pager tsig-rotate.service; journalctl --no-pager -t tsig-rotate | tail -60"))
	}
	// Ended while it waits, it goes on; the time of grace is made over.
	f.on(t, 1, "systemctl stop tsig-rotate.service; systemctl reset-failed tsig-rotate.service 2>/dev/null; "+
		`sed -i 's/"since":"[^"]*"/"since":"2026-01-01T00:00:00Z"/' /var/lib/debvisor/tsig/active.json; systemctl start tsig-rotate.service`)
	if got := f.on(t, 1, "debvisor tsig show | grep -c bind/; cat /var/lib/prometheus/node-exporter/debvisor_tsig.prom"); !strings.HasPrefix(got, "3\n") || !strings.Contains(got, "\ndebvisor_tsig_rotation_timestamp_seconds 1") {
		t.Errorf("at its end: %s", got)
	}
	for _, verb := range []string{"tsig keygen", "tsig run", "firewall load", "version"} {
		if out, err := f.Node(1).Exec(t.Context(), "runuser", "--user", "tsig-rotator", "--", "sh", "-c", "sudo -n /usr/local/bin/debvisor "+verb); err == nil {
			t.Errorf("tsig-rotator may do %s: %s", verb, out)
		}
	}
}

// collection brings the collection to where the full edition has it on a node.
func (f *fleet) collection(t *testing.T, node int) {
	t.Helper()
	tar, err := host.System{}.Run(t.Context(), host.Cmd{Args: []string{"tar", "--create", "--dereference", "--directory=../../build/collections", "ansible_collections"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Node(node).ExecInput(t.Context(), string(tar), "sh", "-c", "mkdir -p /usr/share/ansible/collections && tar --extract --no-same-owner --directory=/usr/share/ansible/collections"); err != nil {
		t.Fatal(err)
	}
}
