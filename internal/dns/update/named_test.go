package update

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
	"debvisor/internal/tsig"

	"github.com/miekg/dns"
)

var (
	nodeKey  = tsig.New(tsig.Node, 1)
	guestKey = tsig.New(tsig.VM, 1)
	lostKey  = tsig.New(tsig.Node, 2)
	me       = mustIdentity("11111111-2222-3333-4444-555555555555")
	other    = mustIdentity("99999999-2222-3333-4444-555555555555")
)

func mustIdentity(uuid string) Identity {
	i, err := IdentityOf(uuid)
	if err != nil {
		panic(err)
	}
	return i
}

// policy is what the servers of a pair let the keys write, and what nobody may.
const policy = `update-policy {
		deny * name %[1]s.; deny * name ns1.%[1]s.; deny %[2]s subdomain vm.%[1]s.;
		grant %[2]s subdomain %[1]s. A AAAA DHCID;
		grant %[3]s subdomain vm.%[1]s. A AAAA DHCID; };`

const reversePolicy = `update-policy {
		deny * name 53.0.2.10.in-addr.arpa.;
		grant %[2]s zonesub PTR DHCID; grant %[3]s zonesub PTR DHCID; };`

// reverses are the reverse zones, none as long as one would guess.
var reverses = []string{"2.0.192.in-addr.arpa", "2.10.in-addr.arpa", "0-15.3.0.192.in-addr.arpa", "8.b.d.0.1.0.0.2.ip6.arpa", "3.0.192.in-addr.arpa"}

// server is a named on this host, with the zone debvisor.test and reverse zones.
func server(t *testing.T) netip.AddrPort {
	t.Helper()
	if _, err := host.Find("named"); err != nil {
		t.Skip("needs named")
	}
	dir := t.TempDir()
	port := uint16(hosttest.FreePort(t, "127.0.0.1"))
	var conf strings.Builder
	fmt.Fprintf(&conf, "options { directory %q; listen-on port %d { 127.0.0.1; }; listen-on-v6 { none; }; pid-file none;\n"+
		"\tsession-keyfile \"session.key\"; recursion no; notify no; dnssec-validation no; allow-transfer { key %s; }; };\ncontrols { };\n",
		dir, port, nodeKey.Name())
	conf.WriteString(nodeKey.Statement() + guestKey.Statement())
	for _, zone := range append([]string{"debvisor.test"}, reverses...) {
		rule := reversePolicy
		text := "$TTL 300\n@ SOA ns1.debvisor.test. admin.debvisor.test. 1 600 60 86400 60\n@ NS ns1.debvisor.test.\n"
		switch zone {
		case "debvisor.test":
			rule = policy
			text += "ns1 A 127.0.0.1\nnote TXT \"not a host\"\nfixed A 192.0.2.9\nalias CNAME fixed\nsub NS ns.elsewhere.test.\n"
		case "3.0.192.in-addr.arpa":
			text += "5 CNAME 5.0-15\n0-15 NS ns1.debvisor.test.\n"
		case "2.0.192.in-addr.arpa":
			text += "9 PTR fixed.debvisor.test.\n"
		}
		place(t, dir, zone+".zone", text)
		fmt.Fprintf(&conf, "zone %q { type primary; file %q; "+rule2(rule)+" };\n", zone, zone+".zone", zone, nodeKey.Name(), guestKey.Name())
	}
	place(t, dir, "named.conf", conf.String())
	return start(t, dir, port)
}

// rule2 has the numbers of a policy's arguments count from the third.
func rule2(rule string) string {
	return strings.NewReplacer("[3]", "[5]", "[2]", "[4]", "[1]", "[3]").Replace(rule)
}

func place(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func start(t *testing.T, dir string, port uint16) netip.AddrPort {
	t.Helper()
	at := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)
	c := &Client{Key: nodeKey, Timeout: 200 * time.Millisecond}
	hosttest.Daemon(t, func(ctx context.Context) error {
		_, err := c.Query(ctx, at, "debvisor.test", dns.TypeSOA)
		return err
	}, "named", "-g", "-n", "1", "-c", filepath.Join(dir, "named.conf"))
	return at
}
