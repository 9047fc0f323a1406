package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"debvisor/internal/dns/update"
	"debvisor/internal/exit"
	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
	"debvisor/internal/tsig"
)

// dnsNode is a node's files, and a named on loopback that they lead to.
type dnsNode struct {
	root string
	at   netip.AddrPort
}

func newDNSNode(t *testing.T) dnsNode {
	t.Helper()
	if _, err := host.Find("named"); err != nil {
		t.Skip("needs named")
	}
	n := dnsNode{t.TempDir(), netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(hosttest.FreePort(t, "127.0.0.1")))}
	key := tsig.New(tsig.Node, 1)
	for name, text := range map[string]string{
		"named.conf": fmt.Sprintf(`options { directory %q; listen-on port %d { 127.0.0.1; }; listen-on-v6 { none; }; pid-file none;
	session-keyfile "session.key"; recursion no; notify no; dnssec-validation no; };
controls { };
%szone "debvisor.test" { type primary; file "zone"; update-policy { deny * name ns.debvisor.test.; grant %s zonesub A AAAA DHCID; }; };
`, n.root, n.at.Port(), key.Statement(), key.Name()),
		"zone":                  "$TTL 300\n@ SOA ns.debvisor.test. admin.debvisor.test. 1 600 60 86400 60\n@ NS ns\nns A 127.0.0.1\n",
		"etc/machine-id":        "11111111222233334444555555555555\n",
		tsig.NodeKeyPath:        key.Statement(),
		"unknown.key":           tsig.New(tsig.Node, 2).Statement(),
		"etc/debvisor/dns.json": fmt.Sprintf(`{"servers": [%q], "zone": "debvisor.test", "guests": "vm.debvisor.test", "ttl": 60}`, n.at),
	} {
		p := filepath.Join(n.root, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	n.serve(t, key)
	return n
}

func (n dnsNode) serve(t *testing.T, key tsig.Key) {
	t.Helper()
	answers := func(ctx context.Context) error { return update.Probe(ctx, n.at, "debvisor.test", key) }
	hosttest.Daemon(t, answers, "named", "-g", "-n", "1", "-c", filepath.Join(n.root, "named.conf"))
}

// update runs the verb and returns its exit code and what it said.
func (n dnsNode) update(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, said bytes.Buffer
	cmd := root()
	cmd.SetArgs(append([]string{"dns", "update", "--root", n.root}, args...))
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetOut(&out)
	cmd.SetErr(&said)
	err := cmd.ExecuteContext(t.Context())
	if err != nil {
		fmt.Fprintln(&said, err)
	}
	return exit.Code(err), out.String(), said.String()
}

func TestAnUpdateEndsWithWhatItsHelpSays(t *testing.T) {
	n := newDNSNode(t)
	for _, c := range []struct {
		args string
		code int
		says string // standard output, or the error
	}{
		{"add web 192.0.2.20 --plan", exit.Done, "web.debvisor.test: done: add A 192.0.2.20, add DHCID of the owner\n20.2.0.192.in-addr.arpa: not served: "},
		{"add web 192.0.2.20", exit.Done, "web.debvisor.test: done: add A 192.0.2.20, add DHCID of the owner\n20.2.0.192.in-addr.arpa: not served: "},
		{"add web 192.0.2.20", exit.Done, "web.debvisor.test: unchanged\n"},
		{"add web.debvisor.test. 2001:db8::20 --no-ptr --ttl 60", exit.Done, "web.debvisor.test: done: add AAAA 2001:db8::20\n"},
		{"add web 192.0.2.21 --owner 99999999-2222-3333-4444-555555555555", exit.Refused, "web.debvisor.test: not the owner: the name is somebody else's"},
		{"remove web 192.0.2.20 --no-ptr", exit.Done, "web.debvisor.test: done: remove A 192.0.2.20\n"},
		{"remove web --no-ptr", exit.Done, "web.debvisor.test: done: remove AAAA 2001:db8::20, remove DHCID of the owner\n"},
		{"remove web --no-ptr", exit.Done, "web.debvisor.test: unchanged\n"},
		{"add ns 192.0.2.21", exit.Refused, "ns.debvisor.test: not the owner"},
		{"add web 192.0.2.20 --key " + n.root + "/unknown.key", exit.Signature, "does not know the key debvisor-node-2 (BADKEY)"},
		{"add web 192.0.2.20 --server 127.0.0.1:1 --timeout 100ms", exit.Failed, "web.debvisor.test: unreachable: 127.0.0.1:1: no answer"},
	} {
		code, out, said := n.update(t, "", strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(out+said, c.says) {
			t.Errorf("%s: exit code %d, not %d:\n%s%s", c.args, code, c.code, out, said)
		}
	}
	record, err := os.ReadFile(filepath.Join(n.root, auditPath))
	if err != nil || strings.Count(string(record), "\n") != 10 {
		t.Errorf("the record is %s, %v", record, err)
	}
}

func TestABatchIsToldOneByOne(t *testing.T) {
	n := newDNSNode(t)
	code, out, _ := n.update(t, "add a 192.0.2.1\nadd ns 192.0.2.2\nadd b 192.0.2.3 # the last\n", "--batch", "--json", "--no-ptr")
	var told struct {
		OK       bool
		Outcomes []struct{ Action, Name, Result string }
	}
	if err := json.Unmarshal([]byte(out), &told); err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(code, " ", told)
	if want := "4 {false [{add a.debvisor.test done} {add ns.debvisor.test refused} {add b.debvisor.test done}]}"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	record, err := os.ReadFile(filepath.Join(n.root, auditPath))
	lines := strings.Split(strings.TrimSpace(string(record)), "\n")
	if err != nil || len(lines) != 3 || !strings.Contains(lines[1], `"result":"refused","why":"ns.debvisor.test: refused: `) {
		t.Errorf("the record is %s, %v", record, err)
	}
}
