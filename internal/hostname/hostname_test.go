package hostname

import (
	"errors"
	"net/netip"
	"os"
	"strings"
	"testing"

	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
	"debvisor/internal/names"
)

const (
	ipAddresses = "ip -j address show up"
	ipFour      = "ip -j -4 route show default"
	ipSix       = "ip -j -6 route show default"
	reload      = "systemctl try-reload-or-restart dnsmasq.service"
)

// machine is testdata/node.txtar: its files, and what commands print.
func machine(t *testing.T) *hosttest.Machine {
	t.Helper()
	text, err := os.ReadFile("testdata/node.txtar")
	if err != nil {
		t.Fatal(err)
	}
	m := hosttest.New(t, string(text))
	for _, line := range []string{ipAddresses, ipFour, ipSix} {
		out, err := os.ReadFile(m.Root + "/" + line)
		if err != nil {
			t.Fatal(err)
		}
		m.Runner.Answer(line, string(out))
	}
	m.Runner.Answer(reload, "")
	return m
}

func put(t *testing.T, m *hosttest.Machine, name, text string) {
	t.Helper()
	if err := m.Apply(t.Context(), []host.Change{host.Write{Path: name, After: text, Mode: 0o644}}); err != nil {
		t.Fatal(err)
	}
}

// register looks, plans and applies; a second plan must be empty. It returns what was registered and the changes.
func register(t *testing.T, m *hosttest.Machine, s Settings) (Registration, string) {
	t.Helper()
	r, err := Look(t.Context(), m.Host, s)
	if err != nil {
		t.Fatal(err)
	}
	changes, err := Plan(m.Host, r, s)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Apply(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
	again, err := Plan(m.Host, r, s)
	if err != nil || len(again) > 0 {
		t.Errorf("a second plan: %v, %s", err, hosttest.Lines(again))
	}
	return r, hosttest.Lines(changes)
}

// files are the names in Dir.
func files(t *testing.T, m *hosttest.Machine) string {
	t.Helper()
	entries, err := m.ReadDir(Dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

func TestRegistration(t *testing.T) {
	m := machine(t)
	r, changes := register(t, m, Settings{})
	if got := r.String(); got != "hv01.lab.example is 192.0.2.11 and 2001:db8::11" {
		t.Error(got)
	}
	want := `create /etc/dnsmasq.d/hosts/hv01.hosts (0644)
create /etc/debvisor/dnsmasq-servers.conf (0644)
let dnsmasq read /etc/debvisor/dnsmasq-servers.conf: systemctl try-reload-or-restart dnsmasq.service
create /run/debvisor-hostname/record.json (0644)
`
	if changes != want {
		t.Errorf("got\n%swant\n%s", changes, want)
	}
	data, err := m.ReadFile(Dir + "/hv01.hosts")
	_, lines, _ := strings.Cut(string(data), "\n")
	if err != nil || lines != "192.0.2.11 hv01.lab.example hv01\n2001:db8::11 hv01.lab.example hv01\n" {
		t.Errorf("%v\n%s", err, data)
	}
	if last, err := LoadRecord(m.Host); err != nil || last.String() != r.String() {
		t.Errorf("the record says %s, %v", last, err)
	}
}

// A new name is a new file; only this machine's old one goes. A new address is a new text.
func TestRenameLeavesTheFilesOfOthers(t *testing.T) {
	m := machine(t)
	register(t, m, Settings{})
	put(t, m, "/etc/hostname", "hv02\n")
	_, changes := register(t, m, Settings{})
	if !strings.Contains(changes, "remove /etc/dnsmasq.d/hosts/hv01.hosts\n") || strings.Contains(changes, "systemctl") {
		t.Error(changes)
	}
	if got := files(t, m); got != "hv02.hosts hv07.hosts operator.hosts printer" {
		t.Error(got)
	}
	put(t, m, "/etc/hostname", "operator\n")
	r, err := Look(t.Context(), m.Host, Settings{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Plan(m.Host, r, Settings{}); !errors.Is(err, ErrForeign) {
		t.Errorf("over the operator's file: %v", err)
	}
}

func TestForwardingFollowsTheSettings(t *testing.T) {
	m := machine(t)
	register(t, m, Settings{})
	s := Settings{Zone: "lab.example", Servers: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.53:53"), netip.MustParseAddrPort("[2001:db8::53]:5353")}}
	if _, changes := register(t, m, s); !strings.Contains(changes, reload) {
		t.Error(changes)
	}
	data, err := m.ReadFile(ServersPath)
	if err != nil || !strings.HasSuffix(string(data), "json.\nserver=/lab.example/in-addr.arpa/ip6.arpa/192.0.2.53#53\nserver=/lab.example/in-addr.arpa/ip6.arpa/2001:db8::53#5353\n") {
		t.Errorf("%v\n%s", err, data)
	}
	// A reload that did not happen is done the next time, although the file is right by then.
	put(t, m, RecordPath, "{")
	if _, changes := register(t, m, s); !strings.Contains(changes, reload) {
		t.Error(changes)
	}
}

func TestTheImageBringsTheServersFileOfAMachineAlone(t *testing.T) {
	data, err := os.ReadFile("../../config/overlay" + ServersPath)
	if err != nil || string(data) != (Settings{}).serversText() {
		t.Errorf("%v\n%s", err, data)
	}
}

func TestClusterName(t *testing.T) {
	for _, c := range []struct{ said, want string }{
		{`{"fqdn": "N1.Cluster.Example."}`, "n1.cluster.example is 192.0.2.11 and 2001:db8::11; the cluster gave the name"},
		{`{"fqdn": ""}`, "hv01.lab.example is 192.0.2.11 and 2001:db8::11; this is the local name: the cluster has no name for this machine"},
		{`{"fqdn": "../../etc/passwd"}`, `local name: the cluster's name for this machine: "../../etc/passwd" is not a host name`},
		{`{"fqdn": "a.b\n192.0.2.1 bank.example"}`, `is not a host name`},
		{`garbage`, "local name: read what " + names.ClusterName + " printed"},
	} {
		m := machine(t)
		put(t, m, EtcdPath, "{}")
		m.Runner.Answer(names.ClusterName, c.said)
		r, _ := register(t, m, Settings{})
		if !strings.Contains(r.String(), c.want) || r.Cluster != strings.Contains(c.want, "gave the name") {
			t.Errorf("%s: %s", c.said, r)
		}
	}
	m := machine(t)
	put(t, m, EtcdPath, "{}")
	m.Runner.Fail(names.ClusterName, errors.New("exit status 1: connection\n refused"))
	if r, _ := register(t, m, Settings{}); !strings.HasSuffix(r.String(), ": exit status 1: connection refused") || r.FQDN != "hv01.lab.example" {
		t.Error(r)
	}
}

// Without this a certificate that has expired would be written down, and said, each minute.
func TestTheSameTroubleIsNotNews(t *testing.T) {
	m := machine(t)
	r, err := Look(t.Context(), m.Host, Settings{})
	if err != nil {
		t.Fatal(err)
	}
	for i, why := range []string{"read tcp 10.0.0.1:40123: reset at 10:01", "read tcp 10.0.0.1:40999: reset at 10:02"} {
		r.Why = why
		changes, err := Plan(m.Host, r, Settings{})
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 && len(changes) > 0 {
			t.Errorf("the second time: %v", changes)
		}
		if err := m.Apply(t.Context(), changes); err != nil {
			t.Fatal(err)
		}
	}
}

// The minimal edition has no dnsmasq to tell.
func TestThereIsNoDnsmasq(t *testing.T) {
	m := machine(t)
	if err := os.Remove(m.Root + unitFile); err != nil {
		t.Fatal(err)
	}
	if _, changes := register(t, m, Settings{}); strings.Contains(changes, "dnsmasq.service") || !strings.Contains(changes, "hv01.hosts") {
		t.Error(changes)
	}
}
