package named

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"debvisor/internal/dns"
	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
	"debvisor/internal/tsig"
)

const (
	shallow = "named-checkconf /dev/stdin"
	deep    = "named-checkconf -z /dev/stdin"
	conf    = `-- etc/group --
bind:x:105:
-- etc/bind/named.conf --
// of the package
include "/etc/bind/named.conf.options";
include "/etc/bind/named.conf.local";
-- etc/bind/named.conf.options --
options { directory "/var/cache/bind"; };
-- etc/bind/named.conf.local --
include "/etc/bind/tsig-debvisor.conf";
include "/etc/bind/tsig-node.conf";
include "/etc/bind/tsig-vm.conf";
include "/etc/bind/debvisor-zones.conf";
`
	isRunning = "-- run/named/named.pid --\n77\n-- proc/77/cmdline --\n/usr/sbin/named\x00-f\n"
)

// server is a machine with settings and a generation of keys.
func server(t *testing.T, s dns.Server, files string) (*hosttest.Machine, map[tsig.Role]tsig.Key) {
	t.Helper()
	m := hosttest.New(t, conf+files)
	m.Runner.Answer(shallow, "")
	m.Runner.Answer(deep, "")
	settings, err := dns.Text(s)
	if err != nil {
		t.Fatal(err)
	}
	wants := []host.Want{host.File{Path: dns.ServerPath, Content: settings, Mode: 0o644}}
	made := map[tsig.Role]tsig.Key{}
	for _, role := range tsig.Roles {
		made[role] = tsig.New(role, 2026112401)
		wants = append(wants, tsig.ServerFile(role, []tsig.Key{made[role]}))
	}
	changes, err := m.Need(wants...)
	if err != nil {
		t.Fatal(err)
	}
	apply(t, m, changes)
	return m, made
}

func apply(t *testing.T, m *hosttest.Machine, changes []host.Change) {
	t.Helper()
	if err := m.Apply(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
}

func plan(t *testing.T, m *hosttest.Machine, files ...host.File) []host.Change {
	t.Helper()
	changes, err := PlanFiles(t.Context(), m.Host, files...)
	if err != nil {
		t.Fatal(err)
	}
	return changes
}

func content(t *testing.T, m *hosttest.Machine, path string) string {
	t.Helper()
	data, err := m.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

const reconfig = "create " + pendingPath + " (0600)\nhave named take up its configuration: rndc reconfig\nremove " + pendingPath + "\n"

func TestRolesAreTakenUp(t *testing.T) {
	m, _ := server(t, pair(), isRunning)
	m.Runner.Answer("rndc reconfig", "")
	apply(t, m, plan(t, m))
	if got := content(t, m, ZonesPath); strings.Contains(got, "type primary") || !strings.Contains(got, "type secondary") {
		t.Errorf("without a role:\n%s", got)
	}
	apply(t, m, []host.Change{host.Write{Path: ZoneFile("debvisor.local"), Mode: 0o644}})
	roles := map[string]Role{"debvisor.local": Primary}
	m.Runner.Ran()
	changes, err := PlanRoles(t.Context(), m.Host, roles)
	if err != nil || hosttest.Lines(changes) != reconfig {
		t.Fatalf("%v\n%s", err, hosttest.Lines(changes))
	}
	apply(t, m, changes[:2]) // cut off: the file is there, but nothing says that named has it
	if got := content(t, m, ZonesPath); strings.Count(got, "type primary") != 1 {
		t.Errorf("got\n%s", got)
	}
	again := plan(t, m)
	if len(again) == 0 {
		t.Error("a run that was cut off is not finished")
	}
	apply(t, m, again)
	if left, err := PlanRoles(t.Context(), m.Host, roles); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
	if got, err := Roles(m.Host); err != nil || fmt.Sprint(got) != "map[debvisor.local:primary]" {
		t.Errorf("roles are %v, %v", got, err)
	}
}

func TestWhatNamedDoesNotTakeIsTakenBack(t *testing.T) {
	m, keys := server(t, pair(), isRunning)
	m.Runner.Answer("rndc reconfig", "")
	apply(t, m, plan(t, m))
	before := content(t, m, ZonesPath)
	m.Runner.Fail("rndc reconfig", errors.New("exit status 1"))
	next := []tsig.Key{tsig.New(tsig.Node, 2026112402), keys[tsig.Node]}
	changes := plan(t, m, tsig.ServerFile(tsig.Node, next), host.File{Path: "/etc/bind/other.conf", Mode: 0o644})
	if err := m.Apply(t.Context(), changes); err == nil {
		t.Fatal("no error")
	}
	if content(t, m, ZonesPath) != before || strings.Contains(content(t, m, tsig.NodePath), "2026112402") || m.Exists("/etc/bind/other.conf") {
		t.Error("the files are not as they were")
	}
	if m.Owners[tsig.NodePath] != "root:bind" {
		t.Errorf("the key file is of %s", m.Owners[tsig.NodePath])
	}
}

// cutOff is a named that takes its configuration up while whoever told it to is ended.
type cutOff struct {
	host.Runner
	t    *testing.T
	m    *hosttest.Machine
	end  context.CancelFunc
	fail int // so many times nobody hears that it did, or it did not
	has  string
}

func (c *cutOff) Run(ctx context.Context, cmd host.Cmd) ([]byte, error) {
	if cmd.Args[0] != "rndc" {
		return c.Runner.Run(ctx, cmd)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if c.has == "" || c.fail == 0 {
		c.has = content(c.t, c.m, ZonesPath)
	}
	if c.end(); c.fail > 0 {
		c.fail--
		return nil, errors.New("signal: killed")
	}
	return nil, nil
}

func TestNamedHasNoRoleThatTheFilesDoNotSay(t *testing.T) {
	for fail, want := range map[int]string{1: "signal: killed", 2: "named may have the new ones all the same"} {
		m, _ := server(t, pair(), isRunning)
		m.Runner.Answer("rndc reconfig", "")
		apply(t, m, plan(t, m))
		apply(t, m, []host.Change{host.Write{Path: ZoneFile("debvisor.local"), Mode: 0o644}})
		ctx, end := context.WithCancel(t.Context())
		c := &cutOff{Runner: m.Host.Runner, t: t, m: m, end: end, fail: fail}
		m.Host.Runner = c
		changes, err := PlanRoles(ctx, m.Host, map[string]Role{"debvisor.local": Primary})
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Apply(ctx, changes); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d: %v", fail, err)
		}
		if strings.Contains(content(t, m, ZonesPath), "type primary") {
			t.Error("the files have the new role")
		}
		if fail > 1 { // nobody reached named, so the next run must
			apply(t, m, plan(t, m))
		}
		if c.has != content(t, m, ZonesPath) {
			t.Errorf("%d: named has\n%s", fail, c.has)
		}
	}
}

// refusing is a named-checkconf that finds something wrong, and remembers what it was given.
type refusing struct{ stdin string }

func (r *refusing) Run(_ context.Context, c host.Cmd) ([]byte, error) {
	r.stdin = c.Stdin
	return []byte("/dev/stdin:2: unknown option 'foo'\n"), errors.New("exit status 1")
}

func TestWhatTheCheckRefusesIsNotPlanned(t *testing.T) {
	m, keys := server(t, pair(), isRunning)
	check := &refusing{}
	m.Host.Runner = check
	changes, err := PlanFiles(t.Context(), m.Host, host.File{Path: OptionsPath, Content: "foo;\n", Mode: 0o644})
	if len(changes) > 0 || err == nil || !strings.Contains(err.Error(), "/etc/bind/named.conf.options:1: unknown option 'foo'") {
		t.Errorf("%v, planned\n%s", err, hosttest.Lines(changes))
	}
	for _, k := range keys {
		if !strings.Contains(check.stdin, k.Name()) || strings.Contains(check.stdin, k.Secret()) {
			t.Errorf("the check lacks %s or is given its secret", k)
		}
	}
}

func TestAServerAloneIsCheckedWithItsZones(t *testing.T) {
	alone := pair()
	alone.Peer = netip.Addr{}
	m, _ := server(t, alone, "")
	changes := plan(t, m)
	for _, z := range alone.Zones {
		apply(t, m, []host.Change{host.Write{Path: ZoneFile(z.Name), Mode: 0o644}})
	}
	m.Runner.Ran()
	apply(t, m, changes)
	if got := m.Runner.Ran(); got != deep+"\n" {
		t.Errorf("ran\n%s", got)
	}
	if left := plan(t, m); len(left) > 0 || strings.Count(content(t, m, ZonesPath), "type primary") != 3 {
		t.Errorf("left %v", left)
	}
}

func TestAMachineThatIsNoServerOnlyGetsTheFiles(t *testing.T) {
	m := hosttest.New(t, "-- etc/group --\nbind:x:105:\n")
	key := tsig.ServerFile(tsig.Node, []tsig.Key{tsig.New(tsig.Node, 7)})
	if got := hosttest.Lines(plan(t, m, key)); got != "create /etc/bind/tsig-node.conf (0640, root:bind)\n" {
		t.Errorf("planned\n%s", got)
	}
	if got := plan(t, m); len(got) > 0 {
		t.Errorf("planned %v", got)
	}
}

func TestAServerWithoutKeysSaysSo(t *testing.T) {
	m, _ := server(t, pair(), "")
	apply(t, m, []host.Change{host.Remove{Path: tsig.VMPath}})
	if _, err := Plan(t.Context(), m.Host); !errors.Is(err, ErrNoKeys) || !strings.Contains(err.Error(), tsig.VMPath+" has no key") {
		t.Errorf("got %v", err)
	}
}

func TestRolesAreReadStrictly(t *testing.T) {
	for _, text := range []string{"{", `{"a": "master"}`, `["primary"]`} {
		m := hosttest.New(t, "-- run/debvisor-dns/roles.json --\n"+text)
		if roles, err := Roles(m.Host); err == nil || !strings.Contains(err.Error(), rolesPath) {
			t.Errorf("%s: %v, %v", text, roles, err)
		}
	}
}

// A stale number may belong to another program by now.
func TestOnlyNamedIsNamed(t *testing.T) {
	for files, want := range map[string]bool{
		isRunning: true, "": false, "-- run/named/named.pid --\n78\n": false,
		strings.Replace(isRunning, "/usr/sbin/named", "/bin/sh", 1): false,
	} {
		if got, err := running(hosttest.New(t, files).Host); got != want || err != nil {
			t.Errorf("%q: %v, %v", files, got, err)
		}
	}
}
