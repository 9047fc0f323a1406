package rotation

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"strings"
	"testing"
	"time"

	"debvisor/internal/dns"
	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
	"debvisor/internal/tsig"
)

// errKilled ends a run as a kill would.
var errKilled = errors.New("killed")

// world is machines, each a server and a client, and what the name server on each has loaded: keys live there, not in files.
type world struct {
	t        *testing.T
	now      time.Time
	machines []*machine
	left     int  // changes until the run is killed; -1 never
	strict   bool // servers drop the generation in use when they accept the next: what a rotation must not do
	broken   []string
}

type machine struct {
	*host.Host
	addr netip.Addr
	live []tsig.Key
}

const origin = "2026-11-24T10:00:00Z"

func newWorld(t *testing.T, n int) *world {
	now, err := time.Parse(time.RFC3339, origin)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, now: now, left: -1}
	for i := range n {
		m := &machine{Host: hosttest.New(t, "-- etc/group --\nbind:x:1:\n").Host, addr: netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)})}
		w.machines = append(w.machines, m)
		w.must(tsig.PlanKeys(t.Context(), m.Host))(m)
		m.load()
	}
	for _, m := range w.machines { // the keys of the first are those of all, as after a first rotation
		for _, role := range tsig.Roles {
			keys, err := tsig.ServerKeys(w.machines[0].Host)
			if err != nil {
				t.Fatal(err)
			}
			wants := []host.Want{tsig.ServerFile(role, keys[role])}
			if tsig.ClientPath(role) != "" {
				wants = append(wants, tsig.ClientFile(keys[role][0]))
			}
			w.must(m.Need(wants...))(m)
		}
		m.load()
		w.settings(m)
	}
	return w
}

// settings make a machine a name server, and a client of all.
func (w *world) settings(m *machine) {
	c := dns.Client{Zone: "debvisor.local"}
	for _, o := range w.machines {
		c.Servers = append(c.Servers, netip.AddrPortFrom(o.addr, port))
	}
	for path, settings := range map[string]any{dns.ServerPath: dns.Server{Self: m.addr, Zones: []dns.Zone{{Name: "debvisor.local"}}}, dns.ClientPath: c} {
		text, err := dns.Text(settings)
		if err != nil {
			w.t.Fatal(err)
		}
		w.must(m.Need(host.File{Path: path, Content: text, Mode: 0o644}))(m)
	}
}

func (w *world) must(changes []host.Change, err error) func(*machine) {
	return func(m *machine) {
		if err == nil {
			err = m.Apply(context.Background(), changes)
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

func (m *machine) load() {
	m.live = nil
	keys, err := tsig.ServerKeys(m.Host)
	if err != nil {
		panic(err)
	}
	for _, role := range tsig.Roles {
		m.live = append(m.live, keys[role]...)
	}
}

// as is a machine for the package, with a name server that takes up files when told to.
func (w *world) as(m *machine) Machine {
	live := func(_ context.Context, h *host.Host, files ...host.File) ([]host.Change, error) {
		var wants []host.Want
		for _, f := range files {
			if w.strict {
				f.Content = newestOnly(w.t, f.Content)
			}
			wants = append(wants, f)
		}
		changes, err := h.Need(wants...)
		if loaded := fmt.Sprint(m.live); len(changes) > 0 || loaded != fmt.Sprint(onDisk(m)) {
			changes = append(changes, host.Call{Why: "reconfig", Do: func(context.Context) error { m.load(); return nil }})
		}
		return changes, err
	}
	probe := func(_ context.Context, server netip.AddrPort, _ string, k tsig.Key, _ bool) error {
		return w.accepts(server.Addr(), k)
	}
	return Machine{Host: m.Host, Live: live, Probe: probe, Now: w.now}
}

func newestOnly(t *testing.T, text string) string {
	keys, err := tsig.Parse("x", text)
	if err != nil {
		t.Fatal(err)
	}
	return tsig.ServerFile(keys[0].Role, keys[:1]).Content
}

func onDisk(m *machine) []tsig.Key { o := machine{Host: m.Host}; o.load(); return o.live }

func (w *world) accepts(server netip.Addr, k tsig.Key) error {
	for _, m := range w.machines {
		if m.addr == server {
			for _, l := range m.live {
				if l == k {
					return nil
				}
			}
		}
	}
	return fmt.Errorf("%s does not know %s", server, k)
}

// apply makes a plan's changes, sees after each whether every client is served, and is killed when its time has come.
func (w *world) apply(m *machine, changes []host.Change) error {
	for _, c := range changes {
		if w.left == 0 {
			return errKilled
		}
		w.left--
		if err := m.Apply(context.Background(), []host.Change{c}); err != nil {
			return err
		}
		w.look(c.String())
	}
	return nil
}

func (w *world) look(after string) {
	for i, m := range w.machines {
		for _, role := range tsig.ClientRoles {
			k, err := tsig.ClientKey(m.Host, role)
			if errors.Is(err, fs.ErrNotExist) {
				continue // it has none yet
			}
			if err != nil {
				w.t.Fatal(err)
			}
			for _, server := range w.machines {
				if err := w.accepts(server.addr, k); err != nil {
					w.broken = append(w.broken, fmt.Sprintf("after %q client %d: %v", after, i+1, err))
				}
			}
		}
		if keys, err := tsig.ServerKeys(m.Host); err != nil || len(keys[tsig.Node]) > mostGenerations {
			w.broken = append(w.broken, fmt.Sprintf("after %q: %v, %v", after, keys, err))
		}
	}
}

const grace = 15 * time.Minute

// rotate is what the playbook does.
func (w *world) rotate(holder string, force bool) (changed int, err error) {
	c := Claim{Holder: holder, For: time.Hour}
	r := Request{Claim: c, Interval: 25 * 24 * time.Hour, Force: force}
	for _, m := range w.machines {
		f, err := w.as(m).Facts()
		if err != nil {
			return 0, err
		}
		r.Servers, r.Clients = append(r.Servers, f), append(r.Clients, f)
	}
	first := w.machines[0]
	p, changes, err := w.as(first).Prepare(w.t.Context(), r)
	if err != nil {
		return 0, err
	}
	changed = len(changes)
	if err := w.apply(first, changes); err != nil {
		return changed, err
	}
	if _, left, err := w.as(first).Prepare(w.t.Context(), r); err != nil || len(left) > 0 {
		return changed, fmt.Errorf("prepared again: %v, %w", left, err)
	}
	var moved time.Time
	step := func(plan func(m Machine) ([]host.Change, error)) {
		for _, m := range w.machines {
			if err != nil {
				return
			}
			var changes []host.Change
			if changes, err = plan(w.as(m)); err != nil {
				return
			}
			changed += len(changes)
			if err = w.apply(m, changes); err != nil {
				return
			}
			if left, again := plan(w.as(m)); again != nil || len(left) > 0 {
				err = fmt.Errorf("planned again: %v, %w", left, again)
			}
		}
	}
	step(func(m Machine) ([]host.Change, error) { return m.Accept(w.t.Context(), c, p.Keys, used(r.Clients)) })
	step(func(m Machine) ([]host.Change, error) {
		_, err := m.ProveServer(w.t.Context(), p.Keys)
		return nil, err
	})
	step(func(m Machine) ([]host.Change, error) {
		_, err := m.ProveClient(w.t.Context(), p.Keys, 0)
		return nil, err
	})
	step(func(m Machine) ([]host.Change, error) {
		changes, err := m.ActivateClient(c, p.Keys)
		if len(changes) > 0 {
			moved = w.now
		}
		return changes, err
	})
	step(func(m Machine) ([]host.Change, error) {
		_, err := m.ProveClient(w.t.Context(), nil, p.Serial)
		return nil, err
	})
	step(func(m Machine) ([]host.Change, error) { return m.ActivateServer(c, p.Serial, moved) })
	if err != nil {
		return changed, err
	}
	var longest time.Duration
	for _, m := range w.machines {
		wait, err := w.as(m).Wait(p.Serial, grace)
		if err != nil {
			return changed, err
		}
		longest = max(longest, wait)
	}
	w.now = w.now.Add(longest)
	step(func(m Machine) ([]host.Change, error) { return m.Retire(w.t.Context(), c, p.Serial, grace) })
	return changed, err
}

func (w *world) generations() string {
	var all []string
	for _, m := range w.machines {
		all = append(all, fmt.Sprint(onDisk(m)), fmt.Sprint(m.live))
	}
	return strings.Join(all, "\n")
}

func (w *world) agree(t *testing.T, serial uint32) {
	t.Helper()
	want := fmt.Sprintf("[debvisor-node-%d debvisor-vm-%d debvisor-xfer-%d]", serial, serial, serial)
	for line := range strings.Lines(w.generations()) {
		if strings.TrimSpace(line) != want {
			t.Fatalf("got\n%s", w.generations())
		}
	}
	w.look("the end")
	if len(w.broken) > 0 {
		t.Errorf("%d times a client was refused, first %s", len(w.broken), w.broken[0])
	}
	for _, m := range w.machines {
		if data, err := m.ReadFile(MetricPath); err != nil || !strings.Contains(string(data), fmt.Sprintf("\ndebvisor_tsig_generation %d\n", serial)) {
			t.Errorf("the metric is %s, %v", data, err)
		}
		if m.Exists(LeasePath) {
			t.Error("the lease is still there")
		}
	}
}

func TestARotation(t *testing.T) {
	w := newWorld(t, 3)
	first := w.serial(t)
	if _, err := w.rotate("a", false); err != nil {
		t.Fatal(err)
	}
	w.agree(t, first+1)
	if changed, err := w.rotate("a", false); err != nil || changed != 0 {
		t.Errorf("again: %d changes, %v", changed, err)
	}
	w.now = w.now.Add(26 * 24 * time.Hour)
	if _, err := w.rotate("b", false); err != nil {
		t.Fatal(err)
	}
	w.agree(t, tsig.FirstSerial(w.now))
	if _, err := w.rotate("b", true); err != nil {
		t.Fatal(err)
	}
	w.agree(t, tsig.FirstSerial(w.now)+1)
}

func (w *world) serial(t *testing.T) uint32 {
	t.Helper()
	keys, err := tsig.ServerKeys(w.machines[0].Host)
	if err != nil {
		t.Fatal(err)
	}
	serial := keys[tsig.Node][0].Serial
	w.now = time.Now() // the keys of the test are of today
	return serial
}

// Killed between any two changes, a rotation is gone on with by the next run, and no client is refused meanwhile.
func TestARotationIsKilledAnywhere(t *testing.T) {
	for after := 0; ; after++ {
		w := newWorld(t, 3)
		first := w.serial(t)
		w.left = after
		_, err := w.rotate("a", false)
		if err == nil {
			t.Logf("%d changes, killed before each", after)
			return
		}
		if !errors.Is(err, errKilled) {
			t.Fatalf("after %d changes: %v", after, err)
		}
		w.look("the kill")
		w.left = -1
		if _, err := w.rotate("a", false); err != nil {
			t.Fatalf("killed after %d changes, then: %v\n%s", after, err, w.generations())
		}
		w.agree(t, first+1)
	}
}

// The test above sees what it must see: servers that accept one generation alone refuse clients.
func TestWithoutAnOverlapClientsAreRefused(t *testing.T) {
	w := newWorld(t, 3)
	w.serial(t)
	w.strict = true
	if _, err := w.rotate("a", false); len(w.broken) == 0 {
		t.Errorf("nobody was refused: %v", err)
	}
}

// A node that was lost comes back with keys of its own, of the same names.
func TestALostNodeIsReplaced(t *testing.T) {
	for _, lost := range []int{0, 1} {
		w := newWorld(t, 2)
		first := w.serial(t)
		if _, err := w.rotate("a", false); err != nil {
			t.Fatal(err)
		}
		fresh := &machine{Host: hosttest.New(t, "-- etc/group --\nbind:x:1:\n").Host, addr: w.machines[lost].addr}
		w.must(tsig.PlanKeys(t.Context(), fresh.Host))(fresh)
		fresh.load()
		w.settings(fresh)
		w.machines[lost] = fresh
		if _, err := w.rotate("a", false); err != nil {
			t.Fatal(err)
		}
		w.broken = nil // it was refused at first, as it had to be
		w.agree(t, first+2)
	}
}

// Name servers that were set up by hand, or whose first boot had no BIND, begin with nothing.
func TestThereAreNoKeysYet(t *testing.T) {
	w := newWorld(t, 2)
	for _, m := range w.machines {
		for _, role := range tsig.Roles {
			w.must(m.Need(host.Absent{Path: tsig.ServerPath(role)}))(m)
			if tsig.ClientPath(role) != "" {
				w.must(m.Need(host.Absent{Path: tsig.ClientPath(role)}))(m)
			}
		}
		m.load()
	}
	if _, err := w.rotate("a", false); err != nil {
		t.Fatal(err)
	}
	w.agree(t, w.serial(t))
}

func TestAServerThatRefusesStopsTheRotation(t *testing.T) {
	w := newWorld(t, 2)
	first := w.serial(t)
	good := w.machines[1].addr
	w.machines[1].addr = netip.MustParseAddr("10.9.9.9") // nobody answers where the clients ask
	_, err := w.rotate("a", false)
	if !errors.Is(err, ErrUnproven) {
		t.Errorf("got %v", err)
	}
	w.machines[1].addr = good
	if w.look("it stopped"); len(w.broken) > 0 {
		for _, line := range w.broken {
			if !strings.Contains(line, "10.0.0.2 does not know") {
				t.Error(line)
			}
		}
	}
	w.broken = nil
	if _, err := w.rotate("a", false); err != nil {
		t.Fatal(err)
	}
	w.agree(t, first+1)
}

func TestOneRotationAtATime(t *testing.T) {
	w := newWorld(t, 2)
	w.serial(t)
	w.left = 1 // the lease alone
	if _, err := w.rotate("a", false); !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	w.left = -1
	if _, err := w.rotate("b", false); !errors.Is(err, ErrLease) || !strings.Contains(err.Error(), "a holds the lease until") {
		t.Errorf("got %v", err)
	}
	w.now = w.now.Add(61 * time.Minute)
	if _, err := w.rotate("b", false); err != nil {
		t.Errorf("after the lease: %v", err)
	}
}

func TestOldKeysStayForTheTimeOfGrace(t *testing.T) {
	w := newWorld(t, 1)
	first := w.serial(t)
	m := w.as(w.machines[0])
	keys := []tsig.Key{tsig.New(tsig.Node, first+1), tsig.New(tsig.VM, first+1), tsig.New(tsig.Transfer, first+1)}
	w.must(m.Accept(t.Context(), Claim{}, keys, nil))(w.machines[0])
	if _, err := m.Retire(t.Context(), Claim{}, first+1, grace); err == nil || !strings.Contains(err.Error(), "activate comes first") {
		t.Errorf("got %v", err)
	}
	w.must(m.ActivateServer(Claim{}, first+1, time.Time{}))(w.machines[0])
	if _, err := m.Retire(t.Context(), Claim{}, first+1, grace); !errors.Is(err, ErrGrace) {
		t.Errorf("got %v", err)
	}
	if _, err := m.ActivateServer(Claim{}, first, time.Time{}); err == nil {
		t.Error("an older generation came into use again")
	}
	m.Now = m.Now.Add(grace + 2*time.Second)
	if changes, err := m.Retire(t.Context(), Claim{}, first+1, grace); err != nil || len(changes) == 0 {
		t.Errorf("got %v, %v", changes, err)
	}
}

// What is in use is not dropped to make room.
func TestThereIsAnEndToGenerations(t *testing.T) {
	one, two, three, four := tsig.New(tsig.VM, 1), tsig.New(tsig.VM, 2), tsig.New(tsig.VM, 3), tsig.New(tsig.VM, 4)
	own := []tsig.Key{three, two, one}
	if got, err := merged(own, []tsig.Key{four}, []Key{keyOf(one)}); err != nil || fmt.Sprint(got) != "[debvisor-vm-4 debvisor-vm-3 debvisor-vm-1]" {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err := merged(own, []tsig.Key{four}, []Key{keyOf(one), keyOf(two), keyOf(three)}); err == nil {
		t.Errorf("got %v", got)
	}
	if got, err := merged(own, []tsig.Key{tsig.New(tsig.VM, 3)}, nil); err == nil || !strings.Contains(err.Error(), "another key debvisor-vm-3") {
		t.Errorf("got %v, %v", got, err)
	}
}
