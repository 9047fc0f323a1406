package roles_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"debvisor/testing/lab"
)

// dnsPackages are what the DNS roles need; all tests of them have the same, so that one tree is made.
var dnsPackages = []string{"bind9", "bind9-dnsutils", "keepalived", "dnsmasq"}

const (
	vip4, vip6 = "10.99.0.53", "fd99::53"
	nodeKey    = "/etc/debvisor/dns.update.key"
	vmKey      = "/etc/debvisor/dns.vm.key"
)

var dnsVars = map[string]any{
	"dns_ha_vip": vip4, "dns_ha_vip6": vip6, "dns_ha_interface": "host0",
	"dns_ha_networks": []string{"10.99.0.0/24", "fd99::/64"},
	"dns_ha_clients":  []string{"10.99.0.11", "10.99.0.12", "10.99.0.13", "fd99::11", "fd99::12", "fd99::13"},
}

// dnsFleet is nodes with the DNS packages, and more, in groups, that have the same keys.
func dnsFleet(t *testing.T, core string, groups map[string][]int, more ...string) *fleet {
	t.Helper()
	if _, err := os.Stat("../../build/collections/ansible_collections/debvisor/core/plugins"); err != nil {
		t.Skip("needs the collection: make collection")
	}
	l := lab.New(t, lab.Options{Nodes: 3, Packages: append(more, dnsPackages...), Control: core == lab.Cores[1]})
	f := &fleet{Lab: l, core: core, dir: t.TempDir()}
	var b strings.Builder
	for name, nodes := range groups {
		fmt.Fprintf(&b, "[%s]\n", name)
		for _, n := range nodes {
			fmt.Fprintf(&b, "node%d\n", n)
		}
	}
	if err := os.WriteFile(f.groups(), []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	f.sameKeys(t)
	return f
}

func (f *fleet) groups() string { return filepath.Join(f.Shared(), "groups.ini") }

// sameKeys makes keys on node1 and gives them to the others, as a rotation does.
func (f *fleet) sameKeys(t *testing.T) {
	t.Helper()
	f.on(t, 1, "tsig-keygen.sh")
	for _, file := range []string{"/etc/bind/tsig-debvisor.conf", "/etc/bind/tsig-node.conf", "/etc/bind/tsig-vm.conf", nodeKey, vmKey} {
		text := f.on(t, 1, "cat "+file) + "\n"
		f.write(t, file, text)
	}
	for i := range f.Nodes() {
		f.on(t, i+1, "chown root:bind /etc/bind/tsig-*.conf && chmod 640 /etc/bind/tsig-*.conf && chmod 600 /etc/debvisor/dns.*.key")
	}
}

// dns applies the DNS roles.
func (f *fleet) dns(t *testing.T, args ...string) string {
	t.Helper()
	out, err := f.dnsPlay(t, args...)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return out
}

func (f *fleet) dnsPlay(t *testing.T, args ...string) (string, error) {
	t.Helper()
	all := append(vars(t, dnsVars), "--inventory", f.groups(), "--tags", "dns_ha,dns_secondary")
	return f.play(t, "playbooks/site.yml", append(all, args...)...)
}

// ask is what a node gets for a question, or "no answer".
func (f *fleet) ask(t *testing.T, node int, server string, question ...string) string {
	t.Helper()
	return f.on(t, node, "dig +short +time=1 +tries=1 @"+server+" "+strings.Join(question, " ")+" 2>/dev/null || echo no answer")
}

// until repeats a look until it says what is wanted.
func until(t *testing.T, what, want string, look func() string) {
	t.Helper()
	got := look()
	for end := time.Now().Add(30 * time.Second); got != want; got = look() {
		if time.Now().After(end) {
			t.Fatalf("%s: %q, want %q", what, got, want)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// update is what the stock client is told: "" or an error's name.
func (f *fleet) update(t *testing.T, node int, key, server, line string) string {
	t.Helper()
	out := f.on(t, node, "printf 'server "+server+"\\nupdate "+line+"\\nsend\\n' | nsupdate -k "+key+" 2>&1 || true")
	if _, said, refused := strings.Cut(out, "update failed: "); refused {
		return said
	}
	return out
}

func TestDNSServerAlone(t *testing.T) {
	f := dnsFleet(t, lab.Cores[0], map[string][]int{"dns_ha_nodes": {1}})
	before := f.on(t, 1, "ls -l /etc/bind /var/lib/bind /etc/keepalived /etc/nftables.d; nft -s list ruleset; md5sum /etc/bind/*")
	if out := f.dns(t, "--check", "--diff", "--limit", "node1"); changed(out) == "0" || !strings.Contains(out, "+acl debvisor-clients") {
		t.Errorf("check mode:\n%s", out)
	}
	if after := f.on(t, 1, "ls -l /etc/bind /var/lib/bind /etc/keepalived /etc/nftables.d; nft -s list ruleset; md5sum /etc/bind/*"); after != before {
		t.Errorf("check mode changed the node from\n%s\nto\n%s", before, after)
	}
	f.dns(t, "--limit", "node1")
	for _, vip := range []string{vip4, vip6} {
		until(t, "the server at "+vip, "ns1.debvisor.local.", func() string { return f.ask(t, 2, vip, "debvisor.local", "NS") })
	}
	f.names(t)
	f.sources(t)
	f.again(t)
	f.brokenDNS(t)
}

// names are written by the keys that may, through the virtual address, and by no other.
func (f *fleet) names(t *testing.T) {
	t.Helper()
	a := ".debvisor.local 300 A 10.99.0.12"
	for _, c := range []struct{ key, update, want string }{
		{nodeKey, "add node2" + a, ""},
		{nodeKey, "add 77.0.99.10.in-addr.arpa 300 PTR node2.debvisor.local", ""},
		{vmKey, "add web.vm" + a, ""},
		{nodeKey, "add ns1" + a, "REFUSED"},
		{nodeKey, "add debvisor.local 300 A 10.99.0.12", "REFUSED"},
		{nodeKey, "add _writer.debvisor.local 300 DHCID AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA=", "REFUSED"},
		{nodeKey, "add wpad" + a, "REFUSED"},
		{nodeKey, "add long.debvisor.local 2147483647 A 10.99.0.12", ""},
		{nodeKey, "add web.vm" + a, "REFUSED"},
		{vmKey, "add node2" + a, "REFUSED"},
		{vmKey, "add 11.0.99.10.in-addr.arpa 300 PTR web.vm.debvisor.local", "REFUSED"},
	} {
		if got := f.update(t, 2, c.key, vip4, c.update); got != c.want {
			t.Errorf("%s: %s: %q, want %q", c.key, c.update, got, c.want)
		}
	}
	if got := f.ask(t, 2, vip6, "node2.debvisor.local A web.vm.debvisor.local A -x 10.99.0.77 -x 10.99.0.11"); got != "10.99.0.12\n10.99.0.12\nnode2.debvisor.local.\nns1.debvisor.local." {
		t.Errorf("got %q", got)
	}
	if got := f.on(t, 2, "dig +noall +answer @"+vip4+" long.debvisor.local A | awk '{print $2}'"); got != "86400" {
		t.Errorf("a name for 68 years has %q seconds", got)
	}
}

// sources asks from addresses that may and from some that may not, over both protocols and both families.
func (f *fleet) sources(t *testing.T) {
	t.Helper()
	f.on(t, 3, "ip address add 10.99.0.99/24 dev host0; ip address add fd99::99/64 dev host0 nodad")
	for _, c := range []struct{ from, server string }{{"10.99.0.13", "10.99.0.11"}, {"10.99.0.13", vip4}, {"fd99::13", vip6}} {
		for _, how := range []string{"+notcp", "+tcp"} {
			if got := f.ask(t, 3, c.server, "-b", c.from, how, "ns1.debvisor.local", "A"); got != "10.99.0.11" {
				t.Errorf("from %s to %s %s: %q", c.from, c.server, how, got)
			}
			refused := strings.TrimSuffix(c.from, "13") + "99"
			if got := f.ask(t, 3, c.server, "-b", refused, how, "ns1.debvisor.local", "A"); !strings.HasSuffix(got, "no answer") {
				t.Errorf("from %s to %s %s: %q", refused, c.server, how, got)
			}
		}
	}
	// The filter is the reason, not that the base ruleset drops what nobody opened.
	drops := f.on(t, 1, "nft list chain inet debvisor_dns clients | grep drop")
	if strings.Contains(drops, "packets 0 ") {
		t.Errorf("the filter's own chain dropped nothing: %s", drops)
	}
	// Another program's port 53, such as libvirt's dnsmasq, is none of the filter's business.
	f.on(t, 1, "ip address add 10.99.0.111/24 dev host0")
	f.ask(t, 3, "10.99.0.111", "-b", "10.99.0.99", "ns1.debvisor.local", "A")
	if after := f.on(t, 1, "nft list chain inet debvisor_dns clients | grep drop"); after != drops {
		t.Errorf("of another address the filter dropped: %s, before %s", after, drops)
	}
	f.on(t, 1, "ip address del 10.99.0.111/24 dev host0")
}

// dnsState is what a second run must leave: records, serials, keys and the processes.
func (f *fleet) dnsState(t *testing.T, node int) string {
	t.Helper()
	return f.on(t, node, `for z in debvisor.local 0.99.10.in-addr.arpa; do rndc zonestatus $z 2>/dev/null | grep -i serial; done
		dig +short @127.0.0.1 node2.debvisor.local A; dig +short @127.0.0.1 web.vm.debvisor.local A; dig +short @127.0.0.1 -x 10.99.0.77
		md5sum /etc/bind/tsig-*.conf; pidof named; pidof keepalived || true`)
}

func (f *fleet) again(t *testing.T) {
	t.Helper()
	before := f.dnsState(t, 1)
	if out := f.dns(t, "--limit", "node1", "--diff"); changed(out) != "0" {
		t.Errorf("the second run:\n%s", out)
	}
	f.on(t, 1, "debvisor firewall load") // rules in DebVisor's own table must not be there twice
	if got := f.on(t, 1, "nft list chain inet debvisor input | grep -c 'ip saddr 10.99.0.12 .*dport 53'"); got != "1" {
		t.Errorf("%s rules let node2 ask", got)
	}
	if out := f.dns(t, "--limit", "node1", "--check"); changed(out) != "0" {
		t.Errorf("check mode afterwards:\n%s", out)
	}
	if after := f.dnsState(t, 1); after != before {
		t.Errorf("before\n%s\nafter\n%s", before, after)
	}
	f.healthy(t, "ok ")
}

// brokenDNS gives each program something that it refuses.
func (f *fleet) brokenDNS(t *testing.T) {
	t.Helper()
	look := func() string {
		return f.on(t, 1, "md5sum /etc/bind/* /etc/keepalived/* /etc/nftables.d/* /etc/debvisor/dns-server.json; nft -s list ruleset; pidof named; ls -A /run/debvisor-dns")
	}
	before := look()
	for _, broken := range []map[string]any{
		{"dns_ha_forwarders": []string{"192.0.2.1; nonsense yes"}},
		{"dns_ha_interface": "nosuch0"},
		{"dns_ha_virtual_router_id": 300},
		{"dns_ha_clients": []string{"10.0.0.0/33"}},
	} {
		out, err := f.dnsPlay(t, append(vars(t, broken), "--limit", "node1")...)
		if err == nil {
			t.Errorf("%v was taken:\n%s", broken, out)
		}
		t.Logf("%v: %s", broken, lastError(out))
	}
	if after := look(); after != before {
		t.Errorf("before\n%s\nafter\n%s", before, after)
	}
}

func lastError(out string) string {
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "fatal:") || strings.HasPrefix(line, "[ERROR]") {
			return strings.TrimSpace(line)
		}
	}
	return out
}
