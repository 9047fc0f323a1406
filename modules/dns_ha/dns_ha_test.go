package dns_ha

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"debvisor/internal/ansible/ansibletest"
	"debvisor/internal/dns"
	"debvisor/internal/dns/rotation"
	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
	"debvisor/internal/tsig"
)

func TestTheDocumentationIsTheModules(t *testing.T) {
	for _, wrong := range ansibletest.CheckDocs(Module) {
		t.Error(wrong)
	}
}

const files = `-- etc/group --
bind:x:105:
-- etc/passwd --
bind:x:105:105::/:
-- etc/bind/named.conf --
include "/etc/bind/named.conf.options";
include "/etc/bind/named.conf.local";
-- etc/bind/named.conf.options --
options { };
-- etc/bind/named.conf.local --
// nothing
-- etc/nftables.conf --
include "/etc/nftables.d/*.conf"
`

// node is a machine with BIND, keepalived and systemd, whose programs refuse what holds "mistake".
type node struct {
	*host.Host
	running map[string]bool
	kernel  string
	ran     []string
}

func newNode(t *testing.T) *node {
	t.Helper()
	n := &node{Host: hosttest.New(t, files).Host, running: map[string]bool{}}
	n.Runner = n
	for _, role := range tsig.Roles {
		n.put(t, tsig.ServerFile(role, []tsig.Key{tsig.New(role, 2026112401)}))
	}
	return n
}

func (n *node) put(t *testing.T, wants ...host.Want) {
	t.Helper()
	changes, err := n.Need(wants...)
	if err == nil {
		err = n.Apply(t.Context(), changes)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Run implements host.Runner.
func (n *node) Run(_ context.Context, c host.Cmd) ([]byte, error) {
	line := c.String()
	n.ran = append(n.ran, line)
	switch {
	case strings.Contains(c.Stdin, "mistake"):
		return []byte("/dev/stdin:1: a mistake\n"), errors.New("run " + line + ": exit status 1")
	case line == "keepalived -t -f "+keepalivedCandidate:
		if data, err := n.ReadFile(keepalivedCandidate); err != nil || strings.Contains(string(data), "mistake") {
			return nil, fmt.Errorf("run %s: exit status 5: %v", line, err)
		}
	case line == "nft -f -":
		_, mark, _ := strings.Cut(c.Stdin, "loaded accept ")
		n.kernel = "table inet debvisor {\n\tchain loaded {\n\t\taccept " + mark + "\t}\n}\n"
	case line == "nft -t list ruleset inet":
		return []byte(n.kernel), nil
	case strings.HasPrefix(line, "systemctl start "):
		n.running[c.Args[2]] = true
	case strings.HasPrefix(line, "systemctl show "):
		active := map[bool]string{true: "active", false: "inactive"}[n.running[c.Args[3]]]
		return []byte("LoadState=loaded\nUnitFileState=enabled\nActiveState=" + active + "\n"), nil
	case c.Args[0] == "ssh-keygen":
		return nil, n.Apply(context.Background(), []host.Change{
			host.Write{Path: rotation.RunnerKeyPath, After: "private", Mode: 0o600}, host.Write{Path: rotation.RunnerKeyPath + ".pub", After: publicLine, Mode: 0o644}})
	case c.Args[0] == "useradd":
		return nil, n.Apply(context.Background(), []host.Change{host.Append{Path: "/etc/passwd", Line: "debvisor-tsig:x:1:1::/:/bin/sh", Mode: 0o644}})
	case c.Args[0] == "named-checkconf", c.Args[0] == "named-checkzone", line == "nft -c -f -", line == "systemctl reload keepalived.service":
	default:
		return nil, fmt.Errorf("run %s: this node has no such command", c)
	}
	return nil, nil
}

func (n *node) has(t *testing.T, path, want string) {
	t.Helper()
	if data, err := n.ReadFile(path); err != nil || !strings.Contains(string(data), want) {
		t.Errorf("%s: %v, it lacks %q:\n%s", path, err, want, data)
	}
}

func arguments(more map[string]any) map[string]any {
	all := map[string]any{
		"address": "192.0.2.1", "peer": "192.0.2.2", "arbiter": "192.0.2.3", "secondaries": []string{"192.0.2.3"},
		"addresses": []string{"2001:db8::1"}, "vip": []string{"192.0.2.53", "2001:db8::53"}, "networks": []string{"192.0.2.0/24"}, "names": map[string]any{"192.0.2.1": "ns1.debvisor.local"},
		"content": "@ SOA x\n", "reverse_content": "@ SOA y", "options": "options { };\n", "local": "include \"/etc/bind/debvisor-zones.conf\";\n",
		"keepalived": "vrrp_instance dns {\n\tauth_pass hunter22\n}\n", "firewall": "table inet debvisor_dns {\n}\n",
	}
	maps.Copy(all, more)
	return all
}

func TestAServerOfAPair(t *testing.T) {
	n := newNode(t)
	ansibletest.Converge(t, Module, n.Host, arguments(nil))
	n.has(t, "/etc/bind/debvisor-zones.conf", "type secondary")
	n.has(t, "/var/lib/bind/2.0.192.in-addr.arpa.zone", "@ SOA y\n1 PTR ns1.debvisor.local.\n")
	n.has(t, "/etc/nftables.d/20-dns.conf", "debvisor_dns")
	if s, err := dns.LoadServer(n.Host); err != nil || !s.First || len(s.Zones) != 2 || fmt.Sprint(s.Addresses, s.Zones[0].Reserved) != "[2001:db8::1] [ns1]" {
		t.Errorf("settings %+v, %v", s, err)
	}
	if !n.running["named.service"] || !n.running["debvisor-dns-pair.service"] || !n.running["keepalived.service"] {
		t.Errorf("running: %v", n.running)
	}
	n.put(t, host.File{Path: "/var/lib/bind/debvisor.local.zone", Content: "written by clients\n", Mode: 0o644})
	ansibletest.Converge(t, Module, n.Host, arguments(map[string]any{"content": "@ SOA new\n"}))
	n.has(t, "/var/lib/bind/debvisor.local.zone", "written by clients")
	n.ran = nil
	ansibletest.Converge(t, Module, n.Host, arguments(map[string]any{"keepalived": "vrrp_instance other { }\n"}))
	if ran := strings.Join(n.ran, "\n"); strings.Count(ran, "systemctl reload keepalived.service") != 1 || strings.Contains(ran, "restart") {
		t.Errorf("a new configuration ran\n%s", ran)
	}
	if n.Exists(keepalivedPending) || n.Exists(keepalivedCandidate) {
		t.Error("something is left behind")
	}
}

func TestTheSecondOfAPairMakesNoZone(t *testing.T) {
	n := newNode(t)
	ansibletest.Converge(t, Module, n.Host, arguments(map[string]any{"first": false}))
	if n.Exists("/var/lib/bind/debvisor.local.zone") {
		t.Error("it has a zone of its own")
	}
}

// A first server that was installed anew would otherwise begin the zone, and the other one would take that for its own.
func TestAZoneOfTheOtherServerIsNotBegunAgain(t *testing.T) {
	n := newNode(t)
	ansibletest.Converge(t, Module, n.Host, arguments(map[string]any{"other_zones": []string{"debvisor.local", "another.example"}}))
	if seen, err := dns.Seen(n.Host); err != nil || fmt.Sprint(seen) != "[debvisor.local]" {
		t.Errorf("knows of %v, %v", seen, err)
	}
	if said := ansibletest.Run(t, Module, n.Host, map[string]any{"state": "keys"}); fmt.Sprint(said["zones"]) != "[debvisor.local]" {
		t.Errorf("tells the other one of %v", said["zones"])
	}
}

func secondary() map[string]any {
	return map[string]any{"mode": "secondary", "address": "192.0.2.3", "primaries": []string{"192.0.2.1", "192.0.2.2"}, "arbitrates": true,
		"options": "options { };\n", "local": "include \"/etc/bind/debvisor-zones.conf\";\n"}
}

func TestAFurtherServer(t *testing.T) {
	n := newNode(t)
	ansibletest.Converge(t, Module, n.Host, secondary())
	n.has(t, "/var/lib/bind/arbiter.debvisor.internal.zone", "SOA")
	n.has(t, "/etc/bind/debvisor-zones.conf", "192.0.2.2 key")
	if n.running["debvisor-dns-pair.service"] || n.running["keepalived.service"] {
		t.Errorf("running: %v", n.running)
	}
	result := ansibletest.Run(t, Module, n.Host, arguments(nil))
	if result["failed"] != true || !strings.Contains(fmt.Sprint(result["msg"]), "exclude each other") {
		t.Errorf("both roles: %v", result)
	}
}

// What any of the programs refuses leaves everything as it was.
func TestAMistakeChangesNothing(t *testing.T) {
	for _, broken := range []string{"content", "reverse_content", "options", "local", "keepalived", "firewall"} {
		n := newNode(t)
		result := ansibletest.Run(t, Module, n.Host, arguments(map[string]any{broken: "mistake\n"}))
		if result["failed"] != true || strings.Contains(fmt.Sprint(result), "hunter22") {
			t.Errorf("%s: %v", broken, result)
		}
		for _, path := range []string{"/etc/bind/debvisor-zones.conf", keepalivedPath, keepalivedCandidate, "/etc/nftables.d/20-dns.conf", dns.ServerPath, "/var/lib/bind/debvisor.local.zone"} {
			if n.Exists(path) {
				t.Errorf("a mistake in %s: there is %s", broken, path)
			}
		}
		if n.kernel != "" || len(n.running) > 0 {
			t.Errorf("a mistake in %s: loaded %q, started %v", broken, n.kernel, n.running)
		}
	}
}

func TestServersMustHaveKeysInCommon(t *testing.T) {
	n := newNode(t)
	own, err := fingerprints(n.Host)
	if err != nil {
		t.Fatal(err)
	}
	result := ansibletest.Run(t, Module, n.Host, map[string]any{"state": "keys"})
	if fmt.Sprint(result["fingerprints"]) != fmt.Sprint(own) || result["changed"] != false || len(own) != 3 {
		t.Errorf("keys: %v", result)
	}
	ansibletest.Converge(t, Module, n.Host, arguments(map[string]any{"other_keys": map[string]any{"ns2": own}}))
	other := maps.Clone(own)
	other["debvisor-vm-2026112401"] = "0000000000000000"
	for _, others := range []map[string]any{{"ns2": other}, {"ns2": map[string]string{}}} {
		result := ansibletest.Run(t, Module, n.Host, arguments(map[string]any{"other_keys": others}))
		if msg := fmt.Sprint(result["msg"]); result["failed"] != true || !strings.Contains(msg, "ns2 has other keys of the role vm") || !strings.Contains(msg, "rotate-tsig-ha.yml") {
			t.Errorf("%v: %v", others, result)
		}
	}
	n.put(t, host.Absent{Path: tsig.VMPath})
	result = ansibletest.Run(t, Module, n.Host, arguments(nil))
	if msg := fmt.Sprint(result["msg"]); result["failed"] != true || !strings.Contains(msg, "tsig-keygen.sh") {
		t.Errorf("without a key: %v", result)
	}
}

const publicLine = "ssh-ed25519 AAAA tsig-rotator\n"

func TestARunnerIsLetIn(t *testing.T) {
	n := newNode(t)
	n.put(t, host.File{Path: hostKeyPath, Content: "ssh-ed25519 BBBB root@x\n", Mode: 0o644})
	result := ansibletest.Converge(t, Module, n.Host, map[string]any{"state": "runner", "inventory": "all:\n", "known_hosts": "192.0.2.2 ssh-ed25519 BBBB\n"})
	if result["public_key"] != "ssh-ed25519 AAAA" {
		t.Errorf("got %v", result)
	}
	n.has(t, fleetInventory, "all:")
	if got := n.Owners[rotation.KnownHostsPath]; got != "root:root" {
		t.Errorf("%s is of %s", rotation.KnownHostsPath, got)
	}
	if result := ansibletest.Run(t, Module, n.Host, map[string]any{"state": "keys"}); result["host_key"] != "ssh-ed25519 BBBB" {
		t.Errorf("got %v", result)
	}
	ansibletest.Converge(t, Module, n.Host, map[string]any{"state": "trusting", "runner_keys": []string{"ssh-ed25519 AAAA"}, "runner_from": []string{"192.0.2.1"}})
	n.has(t, rotation.PeerKeysPath, `restrict,from="192.0.2.1" ssh-ed25519 AAAA`)
}

func TestEachMistakeIsNamed(t *testing.T) {
	for _, c := range []struct {
		arguments map[string]any
		want      string
	}{
		{map[string]any{"address": "ns1"}, "address"},
		{map[string]any{"address": "127.0.0.1"}, "address: 127.0.0.1 cannot be a server's address"},
		{map[string]any{"peer": "192.0.2.1"}, "peer: 192.0.2.1 is address already"},
		{map[string]any{"peer": "2001:db8::2"}, "peer: 2001:db8::2 is of another family"},
		{map[string]any{"vip": []string{"192.0.2.2"}}, "vip: 192.0.2.2 is peer already"},
		{map[string]any{"peer": nil}, "arbiter: a server without a peer needs none"},
		{map[string]any{"primaries": []string{"192.0.2.9"}}, "primaries: only with mode=secondary"},
		{map[string]any{"arbitrates": true}, "arbitrates: only with"},
		{map[string]any{"mode": "secondary"}, "primaries"},
		{map[string]any{"mode": "secondary", "primaries": []string{"192.0.2.9"}}, "not with mode=secondary"},
		{map[string]any{"peer": nil, "arbiter": nil, "first": false}, "first: a server without a peer"},
		{map[string]any{"zone": "Debvisor.local"}, "zone: "},
		{map[string]any{"zone": "local"}, "zone: "},
		{map[string]any{"guests": "a.b"}, "guests: "},
		{map[string]any{"reserved": []string{"a b"}}, "reserved: "},
		{map[string]any{"networks": []string{"10.0.0.0/20"}}, "networks: 10.0.0.0/20 has no reverse zone of its own"},
		{map[string]any{"networks": []string{"10.0.0.0/16", "10.0.1.0/24"}}, "networks: 10.0.1.0/24 overlaps"},
		{map[string]any{"networks": []string{"10.0.0.1/24"}}, "write 10.0.0.0/24"},
		{map[string]any{"content": nil}, "content: the first content"},
		{map[string]any{"reverse_content": nil}, "reverse_content: the first content"},
		{map[string]any{"names": map[string]any{"x": "ns1.debvisor.local"}}, `names: "x" is not an address`},
		{map[string]any{"names": map[string]any{"192.0.2.1": "ns1; "}}, `names: "ns1; " is not a full name`},
		{map[string]any{"options": nil}, "options"},
		{map[string]any{"state": "absent"}, "state"},
	} {
		result := ansibletest.Run(t, Module, newNode(t).Host, arguments(c.arguments))
		if result["failed"] != true || !strings.Contains(fmt.Sprint(result["msg"]), c.want) {
			t.Errorf("%v: got %v", c.arguments, result["msg"])
		}
	}
}
