package guests

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"debvisor/internal/guests/installed"
	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
)

func writeFile(m *hosttest.Machine, path, text string) error {
	changes, err := m.Need(host.File{Path: path, Content: text, Mode: 0o644})
	if err != nil {
		return err
	}
	return m.Apply(context.Background(), changes)
}

// zone is name servers: who owns each name, and its addresses.
type zone struct {
	owner map[string]string
	has   map[string][]netip.Addr
	down  bool
	sent  int
	at    func() // the moment between a change and its answer
}

func newZone() *zone { return &zone{owner: map[string]string{}, has: map[string][]netip.Addr{}} }

func (z *zone) Update(_ context.Context, changes []Change) (all []error) {
	for _, c := range changes {
		z.sent++
		all = append(all, z.one(c))
	}
	if z.at != nil {
		z.at()
	}
	return all
}

func (z *zone) one(c Change) error {
	switch owner, used := z.owner[c.Name]; {
	case z.down:
		return errors.New("nobody who may write answered")
	case used && owner != c.UUID:
		return fmt.Errorf("%s: %w", c.Name, ErrTaken)
	}
	rest := slices.DeleteFunc(slices.Clone(z.has[c.Name]), func(a netip.Addr) bool { return slices.Contains(c.Addresses, a) })
	if c.Add {
		rest = append(rest, c.Addresses...)
	}
	z.owner[c.Name], z.has[c.Name] = c.UUID, sortAddrs(rest)
	if len(rest) == 0 {
		delete(z.owner, c.Name)
		delete(z.has, c.Name)
	}
	return nil
}

func (z *zone) String() string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(z.has)) {
		all = append(all, strings.TrimSuffix(name, ".vm.test")+" "+Texts(z.has[name]))
	}
	return strings.Join(all, "; ")
}

// site is a host with its name servers and a clock.
type site struct {
	*hosttest.Machine
	*Reconciler
	*zone
	said []string
	now  time.Time
}

func newSite(t *testing.T) *site {
	s := &site{Machine: machine(t), zone: newZone(), now: time.Unix(2_000_000_000, 0).UTC()}
	s.reboot()
	sees(s.Machine, Lease, "vnet0 "+webMAC+" ipv4 10.0.0.5/24\n", dbID, webID)
	sees(s.Machine, Agent, "eth0 "+dbMAC+" ipv4 10.0.0.6/24\neth1 52:54:00:00:00:03 ipv6 fd00::6/64\n", dbID)
	return s
}

// reboot loses everything that is not on the disk.
func (s *site) reboot() {
	s.Reconciler = &Reconciler{Host: s.Machine.Host, DNS: s.zone, Zone: "vm.test", Log: func(w string) { s.said = append(s.said, w) },
		Now: func() time.Time { return s.now }}
}

func (s *site) pass(t *testing.T, want string) Outcome {
	t.Helper()
	o := s.Pass(t.Context())
	if got := s.zone.String(); got != want || o.Err != nil {
		t.Fatalf("the zone has %q, %v; want %q\n%s", got, o.Err, want, strings.Join(s.said, "\n"))
	}
	return o
}

const both = "db 10.0.0.6 fd00::6; web 10.0.0.5"

func (s *site) only(xml, lease string) {
	runs(s.Machine, xml)
	_, id, _ := strings.Cut(xml, "<uuid>")
	sees(s.Machine, Lease, lease, id[:36])
}

func TestGuestsComeAndGo(t *testing.T) {
	s := newSite(t)
	if o := s.pass(t, both); !o.Changed || o.Pending > 0 {
		t.Errorf("%+v", o)
	}
	s.sent = 0
	if o := s.pass(t, both); o.Changed || s.sent > 0 {
		t.Errorf("again: %+v, %d sent", o, s.sent)
	}
	s.only(xmlOf("web", webID, "", webMAC), "vnet0 "+webMAC+" ipv4 10.0.0.50/24\n")
	s.pass(t, "web 10.0.0.50")
	runs(s.Machine)
	s.Runner.Answer(quoted("list --uuid"), "\n")
	s.pass(t, "")
	if r, err := LoadRegistry(s.Machine.Host); err != nil || len(r.Entries) > 0 {
		t.Errorf("%+v, %v", r, err)
	}
	log, err := s.ReadFile(AuditPath)
	if n := strings.Count(string(log), "\n"); err != nil || n != 6 || !strings.Contains(string(log), `"action":"guest remove","addresses":["10.0.0.5"],"guest":"web","name":"web.vm.test"`) {
		t.Errorf("%d lines, %v\n%s", n, err, log)
	}
}

func TestAnHourWithoutNameServersLosesNothing(t *testing.T) {
	s := newSite(t)
	s.pass(t, both)
	s.down = true
	s.only(xmlOf("new", "33333333-3333-4333-8333-333333333333", "", "52:54:00:00:00:09"), "vnet0 52:54:00:00:00:09 ipv4 10.0.0.9/24\n")
	for range 60 {
		s.now = s.now.Add(time.Minute)
		if o := s.pass(t, both); o.Pending != 3 || o.Changed {
			t.Fatalf("%+v", o)
		}
		s.reboot() // each run is a process of its own
	}
	if said := strings.Join(s.said, "\n"); strings.Count(said, "not yet done") != 3 {
		t.Errorf("it said\n%s", said)
	}
	s.down = false
	s.pass(t, "new 10.0.0.9")
}

func TestAfterABootOfTheHost(t *testing.T) {
	s := newSite(t)
	s.pass(t, both)
	s.reboot()
	s.only(xmlOf("web", webID, "", webMAC), "vnet0 "+webMAC+" ipv4 10.0.0.5/24\n")
	s.pass(t, "web 10.0.0.5")
}

// Killed after the name servers had it and before it was written down that they have.
func TestAKillBetweenAnUpdateAndItsRecord(t *testing.T) {
	s := newSite(t)
	s.at = func() { panic("killed") }
	func() {
		defer func() { _ = recover() }()
		s.Pass(t.Context())
	}()
	s.at = nil
	s.reboot()
	s.Runner.Answer(quoted("list --uuid"), "\n")
	s.pass(t, "")
}

func TestASilentLibvirtRemovesNothing(t *testing.T) {
	s := newSite(t)
	s.pass(t, both)
	s.Runner.Fail(quoted("list --uuid"), errors.New("no connection"))
	if o := s.Pass(t.Context()); o.Err == nil || s.zone.String() != both {
		t.Errorf("%+v, %s", o, s.zone)
	}
}

// An idle guest is in no neighbour table, and an agent that is silent says nothing.
func TestNotToBeSeenIsNotToBeGone(t *testing.T) {
	s := newSite(t)
	s.pass(t, both)
	sees(s.Machine, Lease, "", dbID, webID)
	s.Runner.Fail(quoted("domifaddr "+dbID+" --full --source agent"), errors.New("not responding"))
	s.now = s.now.Add(24 * time.Hour)
	s.pass(t, both)
	s.Runner.Answer("ip -j neigh show", `[{"dst":"10.0.0.55","dev":"br0","lladdr":"`+webMAC+`","state":["STALE"]},
{"dst":"10.1.0.6","dev":"br0","lladdr":"52:54:00:00:00:03","state":["STALE"]}]`)
	s.pass(t, "db 10.0.0.6 10.1.0.6 fd00::6; web 10.0.0.55") // of web's only interface, unseen for a day; db's has none of its family
}

func TestAGuestThatMovedKeepsItsName(t *testing.T) {
	s := newSite(t)
	s.pass(t, both)
	if err := writeFile(s.Machine, installed.EventsDir+"/7", "release\nmigrated\nweb\n"); err != nil {
		t.Fatal(err)
	}
	if o := s.pass(t, both); o.Events != 1 { // libvirt still lists it
		t.Errorf("%+v", o)
	}
	s.reboot()
	s.only(xmlOf("db", dbID, withAgent, dbMAC), "")
	s.pass(t, both)
	if r, err := LoadRegistry(s.Machine.Host); err != nil || len(r.Entries) != 1 || r.Entries[0].Guest != "db" {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestWhatIsRegisteredIsMadeSureOf(t *testing.T) {
	s := newSite(t)
	s.pass(t, both)
	delete(s.has, "web.vm.test")
	delete(s.owner, "web.vm.test")
	s.pass(t, "db 10.0.0.6 fd00::6")
	s.now = s.now.Add(confirmEvery)
	s.pass(t, both)
	log, err := s.ReadFile(AuditPath)
	if n := strings.Count(string(log), "\n"); err != nil || n != 2 {
		t.Errorf("%d lines, %v", n, err)
	}
}

// id is the UUID of one more guest.
func id(n int) string { return strings.Replace(webID, "1", strconv.Itoa(n), 1) }

func TestNamesThatAreRefused(t *testing.T) {
	s := newSite(t)
	s.owner["db.vm.test"] = webID
	var xmls []string
	var lines string
	for i, name := range []string{"db", "a;b", "ns1", "../x", "two words", "WEB", "web"} {
		mac := fmt.Sprintf("52:54:00:00:01:0%d", i)
		xmls = append(xmls, xmlOf(name, id(i), "", mac))
		lines += fmt.Sprintf("vnet%d %s ipv4 10.0.0.%d/24\n", i, mac, 10+i)
	}
	runs(s.Machine, xmls...)
	sees(s.Machine, Lease, lines, id(3), id(5), id(1), id(0), id(2), id(4), id(6))
	if o := s.pass(t, "web 10.0.0.15"); o.Pending > 0 {
		t.Errorf("%+v", o)
	}
	s.pass(t, "web 10.0.0.15")
	s.reboot()
	s.pass(t, "web 10.0.0.15")
	said := strings.Join(s.said, "\n")
	for _, want := range []string{`"a;b" is no name`, `"../x" is no name`, `"two words" is no name`, `"ns1" is reserved`, `the guest "web" gets no name: the guest "WEB" has`, "db.vm.test: it is somebody else's"} {
		if !strings.Contains(said, want) {
			t.Errorf("it did not say %s\n%s", want, said)
		}
	}
	if strings.Count(said, "db.vm.test") != 2 { // the change and why, once
		t.Errorf("it said\n%s", said)
	}
	s.Runner.Answer(quoted("list --uuid"), "\n")
	s.pass(t, "")
	if r, err := LoadRegistry(s.Machine.Host); err != nil || len(r.Entries) > 0 || s.owner["db.vm.test"] != webID {
		t.Errorf("what was never this host's: %+v, %v, %v", r, s.owner, err)
	}
}

func TestAnOperatorRegistersAnAddress(t *testing.T) {
	s := newSite(t)
	register := func(guest string, addrs ...string) error {
		var all []netip.Addr
		for _, a := range addrs {
			all = append(all, netip.MustParseAddr(a))
		}
		_, err := s.Register(t.Context(), guest, all)
		return err
	}
	if err := register("web", "10.9.9.9"); err != nil || s.zone.String() != "web 10.0.0.5 10.9.9.9" {
		t.Fatalf("%v, %s", err, s.zone)
	}
	if err := register("db"); err != nil {
		t.Error(err)
	}
	s.now = s.now.Add(2 * time.Hour)
	s.pass(t, "db 10.0.0.6 fd00::6; web 10.0.0.5 10.9.9.9")
	s.Not = []netip.Addr{netip.MustParseAddr("10.0.0.53")}
	for _, wrong := range [][]string{{"none"}, {"a;b"}, {"ns1", "10.0.0.1"}, {"web", "127.0.0.1"}, {"web", "fe80::1"}, {"web", "10.0.0.53"}} {
		if err := register(wrong[0], wrong[1:]...); err == nil {
			t.Errorf("%v was registered", wrong)
		}
	}
	s.down = true
	if err := register("web", "10.8.8.8"); err == nil || !strings.Contains(err.Error(), "tried again until it is done: nobody who may write") {
		t.Error(err)
	}
	s.down = false
	s.pass(t, "db 10.0.0.6 fd00::6; web 10.0.0.5 10.8.8.8 10.9.9.9")
	s.only(xmlOf("db", dbID, withAgent, dbMAC), "")
	s.pass(t, "db 10.0.0.6 fd00::6")
	s.down = true
	if err := s.Withdraw(t.Context()); err == nil || !strings.Contains(err.Error(), "1 names could not be removed, first db.vm.test: nobody") {
		t.Error(err)
	}
	s.down = false
	if err := s.Withdraw(t.Context()); err != nil || s.zone.String() != "" {
		t.Errorf("%v, %s", err, s.zone)
	}
}

func TestARegistryThatCannotBeReadStopsAll(t *testing.T) {
	s := newSite(t)
	if err := writeFile(s.Machine, installed.RegistryPath, "{"); err != nil {
		t.Fatal(err)
	}
	if o := s.Pass(t.Context()); o.Err == nil || s.sent > 0 {
		t.Errorf("%+v", o)
	}
}

// A note that comes while it waits is seen at once; without news it ends at once.
func TestWatching(t *testing.T) {
	s := newSite(t)
	s.pass(t, both)
	if o := s.Watch(t.Context(), time.Minute); o.Err != nil || o.Changed {
		t.Errorf("%+v", o)
	}
	s.down = true
	s.only(xmlOf("web", webID, "", webMAC), "")
	looked := 0
	s.at = func() {
		if looked++; looked == 1 {
			s.down = false
			if err := writeFile(s.Machine, installed.EventsDir+"/1", "started\n-\nweb\n"); err != nil {
				t.Error(err)
			}
		}
	}
	if o := s.Watch(t.Context(), 2*time.Second); o.Err != nil || s.zone.String() != "web 10.0.0.5" || looked != 2 {
		t.Errorf("%+v, %s, looked %d times", o, s.zone, looked)
	}
}
