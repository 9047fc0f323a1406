package named

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"debvisor/internal/dns"
	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
	"debvisor/internal/tsig"
)

// daemon is a named with the rendered zones, on a port of its own.
type daemon struct {
	dir  string
	port int
}

func startNamed(t *testing.T, s dns.Server, keys map[tsig.Role][]tsig.Key) daemon {
	t.Helper()
	for _, tool := range []string{"named", "nsupdate", "dig"} {
		if _, err := host.Find(tool); err != nil {
			t.Skipf("needs %s (bind9, bind9-dnsutils)", tool)
		}
	}
	d := daemon{t.TempDir(), hosttest.FreePort(t, "127.0.0.1")}
	names := KeyNames{}
	var secrets strings.Builder
	for role, into := range map[tsig.Role]*[]string{tsig.Node: &names.Node, tsig.VM: &names.VM, tsig.Transfer: &names.Transfer} {
		secrets.WriteString(tsig.Text(keys[role]))
		for _, k := range keys[role] {
			*into = append(*into, k.Name())
			d.write(t, k.Name(), k.Statement())
		}
	}
	for _, z := range s.Zones {
		d.write(t, z.Name+".zone", "$TTL 300\n@ SOA ns1.debvisor.local. admin.debvisor.local. 1 60 15 1209600 300\n@ NS ns1.debvisor.local.\nns1 A 192.0.2.1\n")
	}
	options := fmt.Sprintf("options { directory %q; listen-on port %d { 127.0.0.1; }; listen-on-v6 { none; }; pid-file none; "+
		"session-keyfile %q; recursion no; };\ncontrols { };\n", d.dir, d.port, d.dir+"/session.key")
	d.write(t, "named.conf", options+secrets.String()+strings.ReplaceAll(Zones(s, names, nil), ZoneDir, d.dir))
	hosttest.Daemon(t, d.answers, "named", "-g", "-n", "1", "-c", d.dir+"/named.conf")
	return d
}

func (d daemon) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (d daemon) answers(ctx context.Context) error {
	if d.dig(ctx, "debvisor.local", "SOA") == "" {
		return errors.New("no answer")
	}
	return nil
}

func (d daemon) dig(ctx context.Context, name, kind string) string {
	out, err := host.System{}.Run(ctx, host.Cmd{Args: []string{"dig", "+short", "+time=1", "+tries=1", "-p", fmt.Sprint(d.port), "@127.0.0.1", name, kind}})
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// update is what the stock client is told: "" or an error's name.
func (d daemon) update(t *testing.T, keyFile, line string) string {
	t.Helper()
	_, err := host.System{}.Run(t.Context(), host.Cmd{Args: []string{"nsupdate", "-k", filepath.Join(d.dir, keyFile)},
		Stdin: fmt.Sprintf("server 127.0.0.1 %d\nupdate %s\nsend\n", d.port, line)})
	if err == nil {
		return ""
	}
	_, said, answered := strings.Cut(err.Error(), "update failed: ")
	if !answered {
		return err.Error()
	}
	return said
}

func TestEachKeyWritesItsOwnNames(t *testing.T) {
	keys := map[tsig.Role][]tsig.Key{}
	for _, role := range tsig.Roles {
		keys[role] = []tsig.Key{tsig.New(role, 2026112402), tsig.New(role, 2026112401)}
	}
	alone := dns.Server{Self: addr("192.0.2.1"), VIP: []netip.Addr{addr("192.0.2.53")}, Addresses: []netip.Addr{addr("192.0.2.9")},
		Zones: []dns.Zone{{Name: "debvisor.local", Guests: "vm", Reserved: []string{"dns"}}, {Name: "2.0.192.in-addr.arpa"}}}
	d := startNamed(t, alone, keys)
	const node, old, vm, xfer, session = "debvisor-node-2026112402", "debvisor-node-2026112401", "debvisor-vm-2026112401", "debvisor-xfer-2026112402", "session.key"
	a, ptr, dhcid := " 300 A 192.0.2.7", " 300 PTR x.debvisor.local.", " 300 DHCID AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA="
	for _, c := range []struct{ key, update, want string }{
		{node, "add hv01.debvisor.local" + a, ""},
		{old, "add hv02.debvisor.local 300 AAAA 2001:db8::7", ""},
		{node, "add hv01.debvisor.local" + dhcid, ""},
		{node, "delete hv01.debvisor.local A 192.0.2.7", ""},
		{vm, "add web.vm.debvisor.local" + a, ""},
		{node, "add 7.2.0.192.in-addr.arpa" + ptr, ""},
		{vm, "add 8.2.0.192.in-addr.arpa" + ptr, ""},
		{session, "add _writer.debvisor.local 0 TXT x", ""},

		{node, "add hv01.debvisor.local 300 TXT x", "REFUSED"},
		{node, "add hv01.debvisor.local 300 CNAME x.example", "REFUSED"},
		{node, "add debvisor.local" + a, "REFUSED"},
		{node, "add debvisor.local 300 NS ns2.debvisor.local", "REFUSED"},
		{node, "delete debvisor.local NS", "REFUSED"},
		{node, "add *.debvisor.local" + a, "REFUSED"},
		{node, "add ns1.debvisor.local" + a, "REFUSED"},
		{node, "delete ns1.debvisor.local A", "REFUSED"},
		{node, "add ns2.debvisor.local" + a, "REFUSED"},
		{node, "add x.ns1.debvisor.local" + a, "REFUSED"},
		{node, "add dns.debvisor.local" + a, "REFUSED"},
		{node, "add wpad.debvisor.local" + a, "REFUSED"},
		{node, "add isatap.debvisor.local" + a, "REFUSED"},
		{node, "add localhost.debvisor.local" + a, "REFUSED"},
		{node, "add _writer.debvisor.local" + dhcid, "REFUSED"},
		{node, "delete _writer.debvisor.local", "REFUSED"},
		{node, "add web.vm.debvisor.local" + a, "REFUSED"},
		{node, "add vm.debvisor.local" + a, "REFUSED"},
		{vm, "add vm.debvisor.local" + a, "REFUSED"},
		{vm, "add *.vm.debvisor.local" + a, "REFUSED"},
		{vm, "add hv01.debvisor.local" + a, "REFUSED"},
		{vm, "add ns1.debvisor.local" + a, "REFUSED"},
		{vm, "add debvisor.local" + a, "REFUSED"},
		{vm, "add _writer.debvisor.local" + dhcid, "REFUSED"},
		{xfer, "add hv03.debvisor.local" + a, "REFUSED"},
		{node, "add 1.2.0.192.in-addr.arpa" + ptr, "REFUSED"},
		{vm, "add 53.2.0.192.in-addr.arpa" + ptr, "REFUSED"},
		{node, "add 2.0.192.in-addr.arpa" + ptr, "REFUSED"},
		{node, "add *.2.0.192.in-addr.arpa" + ptr, "REFUSED"},
		{node, "add 7.2.0.192.in-addr.arpa" + a, "REFUSED"},
		{vm, "add 9.2.0.192.in-addr.arpa" + ptr, "REFUSED"},
		{node, "add _writer.2.0.192.in-addr.arpa" + dhcid, "REFUSED"},

		// What no rule of BIND can refuse; docs/dns.md says so.
		{node, "add a.b.c.debvisor.local" + a, ""},
		{node, "add *.web.debvisor.local" + a, ""},
		{vm, "add *.x.vm.debvisor.local" + a, ""},
	} {
		if got := d.update(t, c.key, c.update); got != c.want {
			t.Errorf("%s: %s: %q, want %q", c.key, c.update, got, c.want)
		}
	}
	if got := d.dig(t.Context(), "web.vm.debvisor.local", "A"); got != "192.0.2.7" {
		t.Errorf("web.vm has %q", got)
	}
	if got := d.update(t, node, "add long.debvisor.local 2147483647 A 192.0.2.7"); got != "" {
		t.Error(got)
	}
	out, err := host.System{}.Run(t.Context(), host.Cmd{Args: []string{"dig", "+noall", "+answer", "-p", fmt.Sprint(d.port), "@127.0.0.1", "long.debvisor.local", "A"}})
	if err != nil || strings.Join(strings.Fields(string(out)), " ") != "long.debvisor.local. 86400 IN A 192.0.2.7" {
		t.Errorf("a name for 68 years: %v, %s", err, out)
	}
}
