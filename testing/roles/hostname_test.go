package roles_test

import (
	"strings"
	"testing"
	"time"

	"debvisor/testing/lab"
)

// A booted node has registered itself, and its dnsmasq answers on an address of its own beside systemd-resolved and BIND.
func TestANodeRegistersItsName(t *testing.T) {
	f := &fleet{Lab: lab.New(t, lab.Options{Nodes: 1, Packages: []string{"bind9", "bind9-dnsutils", "keepalived", "dnsmasq"}})}
	f.registered(t, "node1.lab.test A", "10.99.0.11")
	f.registered(t, "node1.lab.test AAAA", "fd99::11")
	f.registered(t, "node1 A", "10.99.0.11")
	f.virtualAddress(t)
	f.renamed(t)
	f.nameServer(t)
	f.withoutDnsmasq(t)
}

// registered waits until dnsmasq answers a question with a text: the unit may still be at it.
func (f *fleet) registered(t *testing.T, question, want string) {
	t.Helper()
	f.answers(t, "127.0.0.55", question, want)
}

func (f *fleet) answers(t *testing.T, server, question, want string) {
	t.Helper()
	var got string
	for range 100 {
		if got = f.on(t, 1, "dig +short +time=1 +tries=1 @"+server+" "+question+" || true"); got == want {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("%s says %q to %s, not %q", server, got, question, want)
	t.Log(f.on(t, 1, "systemctl status hostname-register.service dnsmasq.service || true; journalctl -t hostname-register -t named --no-pager; cat /etc/dnsmasq.d/hosts/*"))
}

func (f *fleet) register(t *testing.T) {
	t.Helper()
	f.on(t, 1, "systemctl start hostname-register.service")
}

// virtualAddress is one that comes from keepalived or that the settings name: it is nobody's own.
func (f *fleet) virtualAddress(t *testing.T) {
	t.Helper()
	f.on(t, 1, `mkdir -p /etc/debvisor && echo '{"self": "10.99.0.11", "vip": ["10.99.0.5"], "zones": []}' > /etc/debvisor/dns-server.json
ip address add 10.99.0.5/24 dev host0 && ip address add 10.88.0.1/32 dev host0 && ip link add docker0 type bridge && ip address add 172.17.0.1/16 dev docker0 && ip link set docker0 up`)
	f.register(t)
	f.registered(t, "node1.lab.test A", "10.99.0.11")
	f.on(t, 1, "ip address del 10.88.0.1/32 dev host0 && ip address del 10.99.0.5/24 dev host0 && ip link del docker0 && rm /etc/debvisor/dns-server.json")
}

// renamed is a node that gets another name while it runs; the timer would do what the test does by hand.
func (f *fleet) renamed(t *testing.T) {
	t.Helper()
	f.on(t, 1, "echo '192.0.2.9 printer.lab.test' > /etc/dnsmasq.d/hosts/printer && echo alpha > /etc/hostname")
	f.register(t)
	f.registered(t, "alpha.debvisor.local A", "10.99.0.11")
	f.registered(t, "node1.lab.test A", "")
	f.registered(t, "printer.lab.test A", "192.0.2.9")
	if log := f.on(t, 1, "journalctl -t hostname-register --no-pager -o cat"); !strings.HasSuffix(log, "registered: alpha.debvisor.local is 10.99.0.11 and fd99::11") || strings.Contains(log, "Start") {
		t.Errorf("the journal has\n%s", log)
	}
	if got := f.on(t, 1, "debvisor health registration"); !strings.HasPrefix(got, "ok    registration      alpha.debvisor.local is 10.99.0.11 and fd99::11") {
		t.Error(got)
	}
	if got := f.on(t, 1, "systemctl is-enabled hostname-register.service hostname-register.timer dnsmasq.service && systemctl is-active hostname-register.timer && ls /etc/dnsmasq.d/hosts"); got != "enabled\nenabled\nenabled\nactive\nalpha.hosts\nprinter" {
		t.Error(got)
	}
}

// secret is of no use outside this test.
const secret = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

const named = `set -e
mkdir -p /var/lib/bind/t && cd /var/lib/bind/t
for zone in debvisor.local 99.10.in-addr.arpa; do
	printf '$TTL 300\n@ SOA ns1.debvisor.local. root.debvisor.local. 1 600 60 86400 60\n@ NS ns1.debvisor.local.\n' > $zone
done
echo 'ns1 A 10.99.0.11' >> debvisor.local
echo 'guest A 192.0.2.77' >> debvisor.local
chown -R bind:bind /var/lib/bind/t
printf 'key "debvisor-node-2026112401" {\n\talgorithm hmac-sha256;\n\tsecret "` + secret + `";\n};\n' > /etc/debvisor/dns.update.key
chmod 600 /etc/debvisor/dns.update.key
install -m 640 -g bind /etc/debvisor/dns.update.key /etc/bind/tsig-node.conf
cat > /etc/bind/named.conf <<'END'
include "/etc/bind/tsig-node.conf";
options { directory "/var/cache/bind"; recursion no; dnssec-validation no; };
zone "debvisor.local" { type primary; file "/var/lib/bind/t/debvisor.local"; allow-update { key debvisor-node-2026112401; }; };
zone "99.10.in-addr.arpa" { type primary; file "/var/lib/bind/t/99.10.in-addr.arpa"; allow-update { key debvisor-node-2026112401; }; };
END
echo '{"servers": ["10.99.0.11:53"], "zone": "debvisor.local", "guests": "vm.debvisor.local", "ttl": 300}' > /etc/debvisor/dns.json
`

// nameServer is BIND on the same node: dnsmasq asks it for what it does not have, the node registers there as soon as it
// answers, and takes an old name away.
func (f *fleet) nameServer(t *testing.T) {
	t.Helper()
	f.on(t, 1, named)
	f.register(t)
	if log := f.on(t, 1, "journalctl -t hostname-register --no-pager -o cat"); !strings.Contains(log, "not at the name servers yet: alpha.debvisor.local") {
		t.Errorf("without a name server the journal has\n%s", log)
	}
	f.registered(t, "alpha.debvisor.local A", "10.99.0.11")
	f.on(t, 1, "systemctl start named.service")
	f.answers(t, "10.99.0.11", "guest.debvisor.local A", "192.0.2.77")
	f.register(t)
	f.answers(t, "10.99.0.11", "alpha.debvisor.local AAAA", "fd99::11")
	f.answers(t, "10.99.0.11", "-x 10.99.0.11", "alpha.debvisor.local.")
	f.registered(t, "guest.debvisor.local A", "192.0.2.77")
	f.on(t, 1, "echo beta > /etc/hostname")
	f.register(t)
	f.answers(t, "10.99.0.11", "beta.debvisor.local A", "10.99.0.11")
	f.answers(t, "10.99.0.11", "alpha.debvisor.local A", "")
	f.answers(t, "10.99.0.11", "-x 10.99.0.11", "beta.debvisor.local.")
	if got := f.on(t, 1, "journalctl -t hostname-register --no-pager; tail -n 2 /var/log/debvisor/audit.log"); strings.Contains(got, secret) || !strings.Contains(got, `"action":"dns add","name":"beta.debvisor.local"`) {
		t.Error(got)
	}
}

// withoutDnsmasq: nothing on the node depends on it.
func (f *fleet) withoutDnsmasq(t *testing.T) {
	t.Helper()
	before := f.on(t, 1, "getent hosts node1.lab.test localhost; grep nameserver /etc/resolv.conf")
	f.on(t, 1, "systemctl stop dnsmasq.service && rm /etc/dnsmasq.d/hosts/beta.hosts")
	f.register(t)
	if after := f.on(t, 1, "getent hosts node1.lab.test localhost; grep nameserver /etc/resolv.conf"); after != before {
		t.Errorf("before\n%s\nafter\n%s", before, after)
	}
	f.on(t, 1, "systemctl start dnsmasq.service")
	f.registered(t, "beta.debvisor.local A", "10.99.0.11")
}
