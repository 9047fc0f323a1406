package roles_test

import (
	"strings"
	"testing"

	"debvisor/testing/lab"
)

// A further server has what the first has, by signed transfer alone, and is what a pair asks who may go on.
func TestDNSSecondary(t *testing.T) {
	f := dnsFleet(t, lab.Cores[1], map[string][]int{"dns_ha_nodes": {1}, "dns_secondaries": {3}})
	if out := f.dns(t, "--limit", "node1,node3", "--check"); strings.Contains(changed(out), "0") {
		t.Errorf("check mode:\n%s", out)
	}
	f.dns(t, "--limit", "node1,node3")
	serial := func(node int) string { return f.ask(t, node, "127.0.0.1", "debvisor.local", "SOA") }
	until(t, "the transfer", serial(1), func() string { return serial(3) })
	if got := f.update(t, 2, nodeKey, vip4, "add node2.debvisor.local 300 AAAA fd99::12"); got != "" {
		t.Errorf("an update: %s", got)
	}
	until(t, "a change at the further server", "fd99::12", func() string { return f.ask(t, 2, "10.99.0.13", "node2.debvisor.local", "AAAA") })
	until(t, "the reverse zone", "ns2.debvisor.local.", func() string { return f.ask(t, 2, "10.99.0.13", "-x", "10.99.0.13") })
	f.transfers(t)
	f.arbiter(t)
	before := f.dnsState(t, 3)
	if out := f.dns(t, "--limit", "node1,node3", "--diff"); changed(out) != "0 0" {
		t.Errorf("the second run:\n%s", out)
	}
	if after := f.dnsState(t, 3); after != before {
		t.Errorf("before\n%s\nafter\n%s", before, after)
	}
	out, err := f.dnsPlay(t, append(vars(t, map[string]any{"dns_ha_hosts": []string{"node3"}, "dns_ha_secondary_hosts": []string{"node3"}}), "--limit", "node1,node3")...)
	if err == nil || !strings.Contains(out, "exclude each other") {
		t.Errorf("both roles on a host: %v\n%s", err, out)
	}
}

// transfers are refused without a key, and with one for something else.
func (f *fleet) transfers(t *testing.T) {
	t.Helper()
	f.on(t, 2, "awk '/^};/{print; exit} {print}' /etc/bind/tsig-debvisor.conf > /root/xfer.key && chmod 600 /root/xfer.key")
	for _, server := range []string{"10.99.0.11", "10.99.0.13"} {
		for key, want := range map[string]bool{"": false, "-k " + nodeKey: false, "-k /root/xfer.key": true} {
			out := f.on(t, 2, "dig +time=2 +tries=1 "+key+" @"+server+" debvisor.local AXFR || true")
			if got := strings.Contains(out, "node2.debvisor.local."); got != want {
				t.Errorf("a transfer from %s with %q: %s", server, key, out)
			}
		}
	}
	f.on(t, 2, "rm /root/xfer.key")
}

// arbiter compares and swaps as a pair does.
func (f *fleet) arbiter(t *testing.T) {
	t.Helper()
	swap := func(key, from, to string) string {
		const name = "debvisor.local.arbiter.debvisor.internal."
		need := "prereq yxrrset " + name + " TXT " + from
		if from == "" {
			need = "prereq nxrrset " + name + " TXT"
		}
		out := f.on(t, 1, "awk '/^};/{print; exit} {print}' "+key+" > /root/k; chmod 600 /root/k; printf '%s\\n' 'server 10.99.0.13' '"+need+"' 'update delete "+name+" TXT' 'update add "+
			name+" 0 TXT "+to+"' send | nsupdate -k /root/k 2>&1 || true; rm /root/k")
		_, said, _ := strings.Cut(out, "update failed: ")
		return said
	}
	const xfer = "/etc/bind/tsig-debvisor.conf"
	for _, c := range []struct{ key, from, to, want string }{
		{nodeKey, "", "epoch-1", "REFUSED"},
		{xfer, "", "epoch-1", ""},
		{xfer, "", "epoch-2", "YXRRSET"},
		{xfer, "epoch-1", "epoch-2", ""},
		{xfer, "epoch-1", "epoch-3", "NXRRSET"},
	} {
		if got := swap(c.key, c.from, c.to); got != c.want {
			t.Errorf("%s: from %q to %q: %q, want %q", c.key, c.from, c.to, got, c.want)
		}
	}
}
