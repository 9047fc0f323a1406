package roles_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"debvisor/internal/blocklist/addrset/sample"
)

const (
	blockList = "/etc/debvisor/blocklist.txt"
	conf      = "/etc/nftables.d/10-blocklist.conf"
)

// blocks reports whether a node's kernel drops an address.
func (f *fleet) blocks(t *testing.T, node int, address string) bool {
	t.Helper()
	for _, set := range []string{"blocked_hosts", "blocked_ips"} {
		out, err := f.Node(node).Exec(t.Context(), "sh", "-c", "nft get element inet debvisor_blocklist "+set+" '{ "+address+" }' 2>&1 || echo none")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out, "none") {
			return true
		}
	}
	return false
}

func TestBlocklistRole(t *testing.T) {
	eachCore(t, func(t *testing.T, f *fleet) {
		f.write(t, blockList, "203.0.113.0/24  # a network\r\n198.51.100.7\n2001:db8:bad::/48")
		f.write(t, "/etc/debvisor/allow.txt", "203.0.113.80\n")
		vars := []string{"--diff", "--extra-vars", `{"debvisor_whitelist_sources": ["/etc/debvisor/allow.txt"]}`}

		out := f.site(t, "blocklist", append(vars, "--check")...)
		if changed(out) != "1 1 1" || !strings.Contains(out, "+198.51.100.7/32") {
			t.Errorf("check mode:\n%s", out)
		}
		if got := f.on(t, 1, "nft list tables; ls "+conf+" 2>&1 || true"); strings.Contains(got, "debvisor_blocklist") {
			t.Errorf("check mode changed the node: %s", got)
		}

		if out := f.site(t, "blocklist", vars...); changed(out) != "1 1 1" {
			t.Errorf("the first run:\n%s", out)
		}
		for address, want := range map[string]bool{"203.0.113.79": true, "203.0.113.80": false, "203.0.113.81": true, "198.51.100.7": true, "198.51.100.8": false} {
			if f.blocks(t, 2, address) != want {
				t.Errorf("node2 blocks %s: %v", address, !want)
			}
		}
		f.on(t, 3, "nft -c -f /etc/nftables.conf")
		if out := f.site(t, "blocklist", vars...); changed(out) != "0 0 0" || strings.Contains(out, "\n+") {
			t.Errorf("the second run:\n%s", out)
		}

		f.tamper(t, vars)
		f.mistakes(t)
		f.fullDisk(t, vars)
		f.noPermission(t)
	})
}

// tamper changes the kernel behind the module's back.
func (f *fleet) tamper(t *testing.T, vars []string) {
	t.Helper()
	f.on(t, 1, "nft flush set inet debvisor_blocklist blocked_ips")
	f.on(t, 2, "nft delete table inet debvisor_blocklist")
	if out := f.site(t, "blocklist", vars...); changed(out) != "1 1 0" {
		t.Errorf("after somebody flushed a set and deleted a table:\n%s", out)
	}
	if !f.blocks(t, 1, "203.0.113.79") || !f.blocks(t, 2, "203.0.113.79") {
		t.Error("not mended")
	}
	f.on(t, 1, "nft add table inet foreign")
	if out := f.site(t, "blocklist", vars...); changed(out) != "0 0 0" {
		t.Errorf("another table:\n%s", out)
	}
}

// mistakes are lists that must be refused, with the reason, and change nothing.
func (f *fleet) mistakes(t *testing.T) {
	t.Helper()
	before := f.on(t, 1, "nft -s list table inet debvisor_blocklist; cat "+conf)
	for text, why := range map[string]string{
		"10.0.0.0/8\n999.1.1.1\n": blockList + `:2: \"999.1.1.1\"`,
		"10.99.0.0/16\n":          "10.99.0.11, which is an address of this node",
		"10.99.0.0/28\n":          "which is an SSH client that is connected now",
		"::/0\n":                  "which is loopback",
	} {
		f.write(t, blockList, text)
		out, err := f.Ansible(t.Context(), f.core, "ansible", "node1", "--module-name", "debvisor.core.blocklist")
		if err == nil || !strings.Contains(out, why) {
			t.Errorf("%q: %v\n%s", text, err, out)
		}
	}
	if after := f.on(t, 1, "nft -s list table inet debvisor_blocklist; cat "+conf); after != before {
		t.Errorf("a list that was refused changed the node from\n%s\nto\n%s", before, after)
	}
}

func (f *fleet) fullDisk(t *testing.T, vars []string) {
	t.Helper()
	f.write(t, blockList, string(sample.Block4(5000, 7)))
	vars = append(vars, "--extra-vars", `{"debvisor_blocklist_block_anyway": ["127.0.0.0/8"]}`)
	before := f.on(t, 1, "nft -s list table inet debvisor_blocklist")
	for i := range f.Nodes() {
		f.on(t, i+1, "mkdir /tmp/keep && cp -a /etc/nftables.d/. /tmp/keep/ && mount -t tmpfs -o size=16k tmpfs /etc/nftables.d && cp -a /tmp/keep/. /etc/nftables.d/")
	}
	out, err := f.play(t, "playbooks/site.yml", append([]string{"--tags", "blocklist"}, vars...)...)
	if err == nil || !strings.Contains(out, "no space left on device") {
		t.Errorf("on a full disk: %v\n%s", err, out)
	}
	if after := f.on(t, 1, "nft -s list table inet debvisor_blocklist"); after != before {
		t.Error("a full disk changed the kernel")
	}
	for i := range f.Nodes() {
		f.on(t, i+1, "umount /etc/nftables.d")
	}
	if out := f.site(t, "blocklist", vars...); changed(out) != "1 1 1" {
		t.Errorf("with room again:\n%s", out)
	}
	if out := f.site(t, "blocklist", vars...); changed(out) != "0 0 0" {
		t.Errorf("again:\n%s", out)
	}
}

// noPermission runs the module as somebody who may not change the firewall.
func (f *fleet) noPermission(t *testing.T) {
	t.Helper()
	out, err := f.Ansible(t.Context(), f.core, "ansible", "node1", "--extra-vars", "ansible_user=alex", "--module-name", "debvisor.core.blocklist", "--args", "sources=/etc/debvisor/blocklist.txt")
	if err == nil || !strings.Contains(out, "this needs root") {
		t.Errorf("without permission: %v\n%s", err, out)
	}
}

// Killed at any time, a run leaves a node that the next one brings to what was asked for.
func TestBlocklistRunIsKilled(t *testing.T) {
	eachCore(t, func(t *testing.T, f *fleet) {
		f.write(t, blockList, "203.0.113.0/24\n")
		f.site(t, "blocklist")
		f.write(t, blockList, "203.0.113.0/24\n"+string(sample.Block4(300_000, 3)))
		anyway := []string{"--extra-vars", `{"debvisor_blocklist_block_anyway": ["127.0.0.0/8", "10.99.0.0/24"]}`}
		for i := range f.Nodes() {
			command := fmt.Sprintf("systemd-run --quiet --unit=killer sh -c 'until pkill -KILL -f [d]ebvisor-modules; do :; done; sleep 0.%d; pkill -KILL -f [d]ebvisor-modules; true'", i)
			f.on(t, i+1, command)
		}
		out, err := f.play(t, "playbooks/site.yml", append([]string{"--tags", "blocklist"}, anyway...)...)
		if err == nil {
			t.Errorf("nobody was killed:\n%s", out)
		}
		for i := range f.Nodes() {
			if !f.blocks(t, i+1, "203.0.113.79") {
				t.Errorf("node%d does not block any more what it did before", i+1)
			}
			f.on(t, i+1, "systemctl stop killer.service 2>/dev/null; nft -c -f /etc/nftables.conf")
		}
		f.site(t, "blocklist", anyway...)
		if out := f.site(t, "blocklist", anyway...); changed(out) != "0 0 0" {
			t.Errorf("after a run that was killed and one that was not:\n%s", out)
		}
	})
}

func TestQuarantine(t *testing.T) {
	eachCore(t, func(t *testing.T, f *fleet) {
		ask := func(args ...string) (string, error) {
			return f.play(t, "playbooks/quarantine.yml", append([]string{"--extra-vars", "address=203.0.113.7"}, args...)...)
		}
		reason := []string{"--extra-vars", `{"reason": "scans the mesh", "expires": "24h", "by": "ops"}`}
		out, err := ask(reason...)
		if err != nil || changed(out) != "1 1 1" {
			t.Fatalf("%v\n%s", err, out)
		}
		for i := range f.Nodes() {
			if !f.blocks(t, i+1, "203.0.113.7") {
				t.Errorf("node%d does not block it", i+1)
			}
		}
		record := f.on(t, 2, "cat /var/log/debvisor/audit.log")
		if !strings.Contains(record, `"action":"quarantine","address":"203.0.113.7","reason":"scans the mesh","by":"ops","until":"`) {
			t.Errorf("the record is %s", record)
		}
		if got := f.on(t, 2, "systemctl show --property=ActiveState,Triggers,NextElapseUSecRealtime debvisor-quarantine.timer | sort"); !strings.HasPrefix(got, "ActiveState=active\nNextElapseUSecRealtime=") || !strings.HasSuffix(got, "\nTriggers=debvisor-quarantine.service") {
			t.Errorf("the timer that ends it is %s", got)
		}
		if out, err := ask(reason...); err != nil || changed(out) != "0 0 0" {
			t.Errorf("again: %v\n%s", err, out)
		}
		if out, err := ask("--extra-vars", "state=absent"); err != nil || changed(out) != "1 1 1" || f.blocks(t, 1, "203.0.113.7") {
			t.Errorf("released: %v\n%s", err, out)
		}
		if out, err := ask(); err == nil || !strings.Contains(out, "reason") {
			t.Errorf("without a reason: %v\n%s", err, out)
		}
		f.report(t)
		f.expires(t)
	})
}

// report is what a scheduler reads: which nodes did it, and which did not.
func (f *fleet) report(t *testing.T) {
	t.Helper()
	file := filepath.Join(f.Shared(), "quarantine.json")
	ask := func(address string) string {
		t.Helper()
		out, err := f.Playbook(t.Context(), f.core, "playbooks/quarantine.yml", "--extra-vars", fmt.Sprintf(`{"nodes": "nodes", "address": %q, "reason": "test", "result": %q}`, address, file))
		data, missing := os.ReadFile(file)
		if missing != nil {
			t.Errorf("no report: %v, %v\n%s", missing, err, out)
		}
		return strings.Join(strings.Fields(string(data)), "")
	}
	if got, want := ask("203.0.113.8"), `{"address":"203.0.113.8","done":["node1","node2","node3"],"failed":[],"state":"present"}`; got != want {
		t.Errorf("the report is %s", got)
	}
	if got, want := ask("127.0.0.1"), `{"address":"127.0.0.1","done":[],"failed":["node1","node2","node3"],"state":"present"}`; got != want {
		t.Errorf("when every node refuses, the report is %s", got)
	}
	if err := f.Node(2).Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := ask("203.0.113.8"), `{"address":"203.0.113.8","done":["node1","node3"],"failed":["node2"],"state":"present"}`; got != want {
		t.Errorf("with a node down, the report is %s", got)
	}
	if err := f.Node(2).Boot(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// expires waits for a quarantine to end by itself: the unit that the timer starts does it.
func (f *fleet) expires(t *testing.T) {
	t.Helper()
	out, err := f.play(t, "playbooks/quarantine.yml", "--extra-vars", `{"address": "203.0.113.9", "reason": "short", "expires": "1s"}`)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	time.Sleep(time.Second)
	f.on(t, 1, "systemctl start debvisor-quarantine.service")
	if f.blocks(t, 1, "203.0.113.9") {
		t.Error("a quarantine that is over goes on")
	}
	if record := f.on(t, 1, "tail -n 1 /var/log/debvisor/audit.log"); !strings.Contains(record, `"action":"expire"`) {
		t.Errorf("the record is %s", record)
	}
}
