package roles_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"debvisor/testing/lab"
)

// keyFleet is two name servers and a client, all with keys of their own as after their first boots.
func keyFleet(t *testing.T, core string) *fleet {
	t.Helper()
	l := lab.New(t, lab.Options{Nodes: 3, Control: core == lab.Cores[1], Packages: dnsPackages})
	f := &fleet{Lab: l, core: core, dir: t.TempDir()}
	f.write(t, "/etc/debvisor/dns.json", `{"servers": ["10.99.0.11:53", "10.99.0.12:53"], "zone": "debvisor.local", "guests": "vm.debvisor.local", "ttl": 300}`)
	for i := 1; i <= 2; i++ {
		f.keyServer(t, i)
	}
	return f
}

// keyServer makes a node a name server by itself.
func (f *fleet) keyServer(t *testing.T, node int) {
	t.Helper()
	f.on(t, node, fmt.Sprintf(`set -e
echo '{"self": "10.99.0.1%d", "zones": [{"name": "debvisor.local", "guests": "vm"}]}' > /etc/debvisor/dns-server.json
printf '%%s\n' '$TTL 300' '@ SOA ns hostmaster 1 60 60 600 60' '@ NS ns' 'ns A 10.99.0.1%d' > /var/lib/bind/debvisor.local.zone
chown bind:bind /var/lib/bind/debvisor.local.zone
tsig-keygen.sh > /dev/null
touch /etc/bind/debvisor-zones.conf
for f in tsig-debvisor tsig-node tsig-vm debvisor-zones; do echo "include \"/etc/bind/$f.conf\";"; done > /etc/bind/named.conf.local
test -s /etc/bind/rndc.key || rndc-confgen -a -u bind
nft insert rule inet debvisor input ip saddr 10.99.0.0/24 accept
systemctl start named`, node, node))
}

var rotationPlay = []string{"playbooks/rotate-tsig-ha.yml", "--extra-vars", `{"tsig_servers": "node1:node2", "tsig_clients": "nodes", "tsig_grace": "1s"}`}

func (f *fleet) rotate(t *testing.T, more ...string) (string, error) {
	t.Helper()
	return f.Playbook(t.Context(), f.core, append(append([]string(nil), rotationPlay...), more...)...)
}

var inStatement = regexp.MustCompile(`secret "([^"]+)"`)

// secrets are all that the nodes have now.
func (f *fleet) secrets(t *testing.T) (all []string) {
	t.Helper()
	for i := range f.Nodes() {
		out := f.on(t, i+1, "cat /etc/bind/tsig-*.conf /etc/debvisor/dns.*.key 2>/dev/null || true")
		for _, m := range inStatement.FindAllStringSubmatch(out, -1) {
			all = append(all, m[1])
		}
	}
	return all
}

// keyState is what every node holds, without secrets.
func (f *fleet) keyState(t *testing.T) string {
	t.Helper()
	var all []string
	for i := range f.Nodes() {
		all = append(all, f.on(t, i+1, "debvisor tsig show | tr -s ' '; cat /var/lib/debvisor/tsig/* 2>/dev/null || true"))
	}
	return strings.Join(all, "\n")
}

var (
	clientLine = regexp.MustCompile(`(?m)^(debvisor-node-\d+ \S+) .* client `)
	serverLine = regexp.MustCompile(`(?m)^(debvisor-node-\d+ \S+) .* (current|previous|next) /etc/bind/tsig-node.conf`)
)

// agreed is the node key that all clients and the first nodes, which are the servers, have alone.
func (f *fleet) agreed(t *testing.T, servers int) string {
	t.Helper()
	var first string
	for i := range f.Nodes() {
		out := f.on(t, i+1, "debvisor tsig show | tr -s ' '")
		lines := clientLine.FindAllStringSubmatch(out, -1)
		if i < servers {
			lines = append(lines, serverLine.FindAllStringSubmatch(out, -1)...)
		}
		if want := 1 + min(1, max(0, servers-i)); len(lines) != want {
			t.Errorf("node%d has %d node keys, not %d:\n%s", i+1, len(lines), want, out)
		}
		for _, m := range lines {
			if first == "" {
				first = m[1]
			}
			if m[1] != first {
				t.Errorf("node%d has %s, another %s", i+1, m[1], first)
			}
		}
	}
	return first
}

// asks is how a server answers a query that is signed with a key file of the node.
func (f *fleet) asks(t *testing.T, server, file string) string {
	t.Helper()
	return f.asksAt(t, "10.99.0.1"+server, file)
}

func (f *fleet) asksAt(t *testing.T, address, file string) string {
	t.Helper()
	return f.on(t, 3, fmt.Sprintf("dig +tries=1 +time=2 -k %s @%s debvisor.local SOA 2>&1 | grep -o 'status: [A-Z]*\\|BADKEY' | tr '\\n' ' '", file, address))
}

func TestKeysAreRotated(t *testing.T) {
	if _, err := os.Stat("../../build/collections/ansible_collections/debvisor/core/plugins"); err != nil {
		t.Skip("needs the collection: make collection")
	}
	for _, core := range lab.Cores {
		t.Run("core "+core, func(t *testing.T) {
			f := keyFleet(t, core)
			before := f.keyState(t)
			secrets := f.secrets(t)
			if out, err := f.rotate(t, "--check"); err != nil || !strings.Contains(changed(out), "3 2 1") || f.keyState(t) != before {
				t.Errorf("check mode: %v, %s\n%s", err, changed(out), out)
			}
			out, err := f.rotate(t, "-vvv", "--diff")
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			for _, s := range append(secrets, f.secrets(t)...) {
				if strings.Contains(out, s) {
					t.Error("a secret is in what Ansible says at -vvv")
				}
			}
			first := f.agreed(t, 2)
			if out, err := f.rotate(t); err != nil || changed(out) != "0 0 0" {
				t.Errorf("again: %v\n%s", err, out)
			}
			f.on(t, 3, "cp /etc/debvisor/dns.update.key /root/old.key")
			if out, err := f.rotate(t, "--extra-vars", "tsig_force=true"); err != nil || f.agreed(t, 2) == first {
				t.Errorf("forced: %v\n%s", err, out)
			}
			for _, server := range []string{"1", "2"} {
				if old, now := f.asks(t, server, "/root/old.key"), f.asks(t, server, "/etc/debvisor/dns.update.key"); !strings.Contains(old, "BADKEY") || now != "status: NOERROR" {
					t.Errorf("node%s answers the old key %s, the new one %s", server, old, now)
				}
			}
			f.stopped(t)
		})
	}
}

// stopped: what cannot be reached, or refuses, stops a rotation with everything working.
func (f *fleet) stopped(t *testing.T) {
	t.Helper()
	before := f.keyState(t)
	if err := f.Node(3).Cut(t.Context()); err != nil {
		t.Fatal(err)
	}
	out, err := f.rotate(t, "--extra-vars", `{"tsig_force": true, "ansible_ssh_args": "-o ConnectTimeout=5"}`)
	if err == nil || f.keyState(t) != before {
		t.Errorf("a node that cannot be reached: %v\n%s", err, out)
	}
	if err := f.Node(3).Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	if out, err := f.rotate(t, "--limit", "node1"); err == nil || !regexp.MustCompile(`node2,\s+node3`).MatchString(out) {
		t.Errorf("with some left out: %v\n%s", err, out)
	}
	f.on(t, 2, "systemctl stop named")
	out, err = f.rotate(t, "--extra-vars", "tsig_force=true")
	if err == nil || !strings.Contains(out, "the key is not proven") || f.asks(t, "1", "/etc/debvisor/dns.update.key") != "status: NOERROR" {
		t.Errorf("a server that does not answer: %v\n%s", err, out)
	}
	f.on(t, 2, "systemctl start named")
	if out, err := f.rotate(t); err != nil {
		t.Errorf("going on: %v\n%s", err, out)
	}
	f.agreed(t, 2)
}
