package roles_test

import (
	"os"
	"strings"
	"testing"

	"debvisor/testing/lab"
)

// A server alone becomes a pair with a third, and the pair gets a network more. Nothing that is registered is lost.
func TestDNSGrows(t *testing.T) {
	f := dnsFleet(t, lab.Cores[0], map[string][]int{"dns_ha_nodes": {1}})
	f.dns(t, "--limit", "node1")
	until(t, "an update at the server alone", "", func() string {
		return f.update(t, 1, nodeKey, "10.99.0.11", "add before.debvisor.local 300 A 10.99.0.77")
	})
	if err := os.WriteFile(f.groups(), []byte("[dns_ha_nodes]\nnode1\nnode2\n[dns_secondaries]\nnode3\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	f.dns(t)
	everywhere := func(what, want string, question ...string) {
		for _, server := range []string{"10.99.0.11", "10.99.0.12", "10.99.0.13", vip4} {
			until(t, what+" at "+server, want, func() string { return f.ask(t, 3, server, question...) })
		}
	}
	everywhere("what was registered before", "10.99.0.77", "before.debvisor.local", "A")
	until(t, "the members", "members=10.99.0.11,10.99.0.12", func() string {
		_, members, _ := strings.Cut(strings.Trim(f.ask(t, 3, "10.99.0.11", "_writer.debvisor.local", "TXT"), `"`), "members=")
		return "members=" + members
	})
	f.nameServers(t)
	everywhere("the name servers", "ns1.debvisor.local.\nns2.debvisor.local.\nns3.debvisor.local.", "debvisor.local NS | sort")
	f.dns(t, vars(t, map[string]any{"dns_ha_networks": []string{"10.99.0.0/24", "fd99::/64", "10.98.0.0/24"}})...)
	until(t, "an update of the new network", "", func() string {
		return f.update(t, 3, nodeKey, vip4, "add 7.0.98.10.in-addr.arpa 300 PTR before.debvisor.local")
	})
	everywhere("the new network", "before.debvisor.local.", "-x", "10.98.0.7")
	if out := f.dns(t, vars(t, map[string]any{"dns_ha_networks": []string{"10.99.0.0/24", "fd99::/64", "10.98.0.0/24"}})...); changed(out) != "0 0 0" {
		t.Errorf("the second run:\n%s", out)
	}
}

// nameServers is what the documents have a person do for a server that came later: no role writes a zone that exists.
func (f *fleet) nameServers(t *testing.T) {
	t.Helper()
	const add = `printf '%s\n' 'update add debvisor.local 300 NS ns2.debvisor.local' 'update add ns2.debvisor.local 300 A 10.99.0.12' ` +
		`'update add debvisor.local 300 NS ns3.debvisor.local' 'update add ns3.debvisor.local 300 A 10.99.0.13' send | nsupdate -l`
	until(t, "the name servers' own records", "", func() string {
		return f.on(t, 1, add+" 2>&1 || true")
	})
}
