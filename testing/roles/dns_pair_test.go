package roles_test

import (
	"strings"
	"testing"

	"debvisor/testing/lab"
)

// Two servers and a third, as the documents' inventory has them.
func TestDNSPair(t *testing.T) {
	f := dnsFleet(t, lab.Cores[0], map[string][]int{"dns_ha_nodes": {1, 2}, "dns_secondaries": {3}}, "ansible-core")
	f.otherKeys(t)
	if out := f.dns(t, "--check"); strings.Contains(changed(out), "0") {
		t.Errorf("check mode:\n%s", out)
	}
	f.dns(t)
	until(t, "an update through the virtual address", "", func() string {
		return f.update(t, 3, nodeKey, vip4, "add node2.debvisor.local 300 A 10.99.0.12")
	})
	for _, server := range []string{"10.99.0.11", "10.99.0.12", "10.99.0.13", vip4, vip6} {
		until(t, "the change at "+server, "10.99.0.12", func() string { return f.ask(t, 3, server, "node2.debvisor.local", "A") })
	}
	f.names(t)
	for _, node := range []int{1, 2} { // a sign of life that a router passed on is nobody's of this network
		if got := f.on(t, node, "nft list chain inet debvisor input | grep VRRP; grep -c 'min_ttl 255 max_ttl 255' /etc/keepalived/keepalived.conf"); !strings.Contains(got, "ip ttl 255") || !strings.HasSuffix(got, "\n1") {
			t.Errorf("VRRP on node%d: %s", node, got)
		}
	}
	if has := f.on(t, 1, "ip -o address show | grep -c '"+vip4+"/\\|"+vip6+"/' || true") + f.on(t, 2, "ip -o address show | grep -c '"+vip4+"/\\|"+vip6+"/' || true"); has != "20" && has != "02" {
		t.Errorf("the virtual addresses: node1 and node2 have %s of the two", has)
	}
	f.rotateByTimer(t)
	f.rotateOnAPair(t)
	before := f.dnsState(t, 1) + f.dnsState(t, 2)
	if out := f.dns(t, "--diff"); changed(out) != "0 0 0" {
		t.Errorf("the second run:\n%s", out)
	}
	if after := f.dnsState(t, 1) + f.dnsState(t, 2); after != before {
		t.Errorf("before\n%s\nafter\n%s", before, after)
	}
}

// otherKeys are what each node makes at its first boot: the servers would refuse each other.
func (f *fleet) otherKeys(t *testing.T) {
	t.Helper()
	f.on(t, 2, "cp -a /etc/bind/tsig-vm.conf /root/ && rm /etc/bind/tsig-vm.conf && tsig-keygen.sh")
	out, err := f.dnsPlay(t)
	if err == nil || !strings.Contains(out, "node2 has other keys of the role vm") || !strings.Contains(out, "rotate-tsig-ha.yml") {
		t.Errorf("servers with other keys: %v\n%s", err, out)
	}
	if got := f.on(t, 1, "ls /etc/debvisor/dns-server.json 2>/dev/null || echo none"); got != "none" {
		t.Errorf("node1 has %s", got)
	}
	f.on(t, 2, "cp -a /root/tsig-vm.conf /etc/bind/")
}

// rotateByTimer is whether a server reaches all machines with what the role gave it, as tsig-rotate.service does.
func (f *fleet) rotateByTimer(t *testing.T) {
	t.Helper()
	const how = "-i /etc/debvisor/ssh/id_ed25519 -o UserKnownHostsFile=/etc/debvisor/ssh/known_hosts -o StrictHostKeyChecking=yes -o BatchMode=yes"
	for _, from := range []int{1, 2, 3} {
		for _, to := range []int{1, 2, 3} {
			ssh := "runuser -u tsig-rotator -- ssh " + how + " debvisor-tsig@" + f.Node(to).IPv4
			if out := f.on(t, from, ssh+" sudo -n debvisor tsig facts --json"); !strings.Contains(out, "debvisor-node-") {
				t.Errorf("from node%d to node%d: %s", from, to, out)
			}
			if out := f.on(t, from, ssh+" sudo -n id 2>&1 || echo refused"); !strings.HasSuffix(out, "refused") {
				t.Errorf("from node%d to node%d anything goes: %s", from, to, out)
			}
		}
	}
	if out := f.on(t, 1, "cat /etc/debvisor/ansible/inventory.yml"); strings.Count(out, "ansible_host:") != 2 || strings.Count(out, "ansible_connection: local") != 1 {
		t.Errorf("the inventory is\n%s", out)
	}
}
