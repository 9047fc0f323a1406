package rotation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"debvisor/internal/dns/update"
	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
	"debvisor/internal/tsig"

	"github.com/miekg/dns"
)

// The run of a rotation is a process of its own, this test's program with these variables, so that it can be killed.
const (
	placeVariable = "ROTATION_TEST_PLACE" // directory of the machines, and the port
	aloneVariable = "ROTATION_TEST_ALONE" // servers accept one generation alone: the mistake that the test must see
)

func TestMain(m *testing.M) {
	if place := os.Getenv(placeVariable); place != "" {
		if err := playbook(context.Background(), place); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// servers are names of machines more than addresses: both are on 127.0.0.1, each on a port of its own.
var servers = []string{"127.0.0.1", "127.0.0.2"}

// portOf is where a server is, of the ports in the order of the servers.
func portOf(address, ports string) netip.AddrPort {
	first, second, _ := strings.Cut(ports, ",")
	if address == servers[0] {
		return netip.MustParseAddrPort("127.0.0.1:" + first)
	}
	return netip.MustParseAddrPort("127.0.0.1:" + second)
}

const zone = "debvisor.local"

// playbook does all steps on two machines, each a name server and a client.
func playbook(ctx context.Context, place string) error {
	dir, port, _ := strings.Cut(place, "|")
	var ms []func() Machine
	for _, address := range servers {
		ms = append(ms, func() Machine { return real(dir, address, port) })
	}
	c := Claim{Holder: "test", For: time.Hour}
	r := Request{Claim: c, Force: true}
	for _, m := range ms {
		f, err := m().Facts()
		if err != nil {
			return err
		}
		r.Servers, r.Clients = append(r.Servers, f), append(r.Clients, f)
	}
	p, changes, err := ms[0]().Prepare(ctx, r)
	if err == nil {
		err = ms[0]().Apply(ctx, changes)
	}
	for _, step := range []func(m Machine) ([]host.Change, error){
		func(m Machine) ([]host.Change, error) { return m.Accept(ctx, c, p.Keys, used(r.Clients)) },
		func(m Machine) ([]host.Change, error) { _, err := m.ProveServer(ctx, p.Keys); return nil, err },
		func(m Machine) ([]host.Change, error) { _, err := m.ProveClient(ctx, p.Keys, 0); return nil, err },
		func(m Machine) ([]host.Change, error) { return m.ActivateClient(c, p.Keys) },
		func(m Machine) ([]host.Change, error) { _, err := m.ProveClient(ctx, nil, p.Serial); return nil, err },
		func(m Machine) ([]host.Change, error) { return m.ActivateServer(c, p.Serial, time.Now()) },
		func(m Machine) ([]host.Change, error) {
			wait, err := m.Wait(p.Serial, 0)
			time.Sleep(wait)
			m.Now = m.Now.Add(wait)
			if err != nil {
				return nil, err
			}
			return m.Retire(ctx, c, p.Serial, 0)
		},
	} {
		for i := len(ms) - 1; i >= 0 && err == nil; i-- { // the first server last
			m := ms[i]()
			var changes []host.Change
			if changes, err = step(m); err == nil {
				err = m.Apply(ctx, changes)
			}
		}
	}
	return err
}

// real is a machine whose name server is a named of this host.
func real(dir, address, port string) Machine {
	h := &host.Host{Root: filepath.Join(dir, address), Runner: host.System{}, Owners: owners()}
	live := func(ctx context.Context, h *host.Host, files ...host.File) ([]host.Change, error) {
		keys := map[tsig.Role][]tsig.Key{}
		var wants []host.Want
		for _, f := range files {
			all, err := tsig.Parse(f.Path, f.Content)
			if err != nil {
				return nil, err
			}
			if os.Getenv(aloneVariable) != "" {
				all = all[:1]
			}
			keys[all[0].Role] = all
			wants = append(wants, tsig.ServerFile(all[0].Role, all))
		}
		// What is live can be older than the files after a kill, so it is told again each time.
		changes, err := h.Need(append(wants, zonesFile(h.Root, keys))...)
		reconfig := []string{"rndc", "-c", filepath.Join(h.Root, "rndc.conf"), "reconfig"}
		return append(changes, host.Exec{Cmd: host.Cmd{Args: reconfig}}), err
	}
	probe := func(ctx context.Context, server netip.AddrPort, zone string, k tsig.Key, writes bool) error {
		if server.Port() == 53 {
			server = portOf(server.Addr().String(), port)
		}
		if writes {
			return update.Probe(ctx, server, zone, k)
		}
		_, err := (&update.Client{Key: k}).Query(ctx, server, zone, dns.TypeSOA)
		return err
	}
	return Machine{Host: h, Live: live, Probe: probe, Now: time.Now()}
}

// owners are looked up by nobody here: whoever runs the test has all files.
func owners() map[string]string {
	all := map[string]string{}
	for _, role := range tsig.Roles {
		all[tsig.ServerPath(role)] = "root:bind"
	}
	return all
}

func zonesFile(root string, keys map[tsig.Role][]tsig.Key) host.File {
	var rules strings.Builder
	for _, role := range tsig.ClientRoles {
		for _, k := range keys[role] {
			fmt.Fprintf(&rules, "grant %s zonesub ANY; ", k.Name())
		}
	}
	return host.File{Path: "/zones.conf", Mode: 0o600,
		Content: fmt.Sprintf("zone %q { type primary; file %q; update-policy { %s}; };\n", zone, filepath.Join(root, "zone"), rules.String())}
}

// pair starts two name servers that have the same keys, and gives the directory of their machines and the port.
func pair(t *testing.T) (dir, port string) {
	t.Helper()
	for _, program := range []string{"named", "rndc"} {
		if _, err := host.Find(program); err != nil {
			t.Skipf("needs %s: bind9", program)
		}
	}
	dir, port = t.TempDir(), fmt.Sprintf("%d,%d", hosttest.FreePort(t, "127.0.0.1"), hosttest.FreePort(t, "127.0.0.1"))
	keys := map[tsig.Role][]tsig.Key{}
	for _, role := range tsig.Roles {
		keys[role] = []tsig.Key{tsig.New(role, tsig.FirstSerial(time.Now()))}
	}
	for _, address := range servers {
		serve(t, filepath.Join(dir, address), address, port, keys)
	}
	return dir, port
}

func serve(t *testing.T, root, address, port string, keys map[tsig.Role][]tsig.Key) {
	t.Helper()
	control := fmt.Sprint(hosttest.FreePort(t, "127.0.0.1"))
	secret := tsig.New(tsig.Transfer, 1).Secret()
	rndc := fmt.Sprintf("key rndc-key { algorithm hmac-sha256; secret %q; };\n", secret)
	files := map[string]string{
		"zone":                         "$TTL 300\n@ SOA ns hostmaster 1 60 60 600 60\n@ NS ns\nns A 127.0.0.1\n",
		"rndc.conf":                    rndc + fmt.Sprintf("options { default-key rndc-key; default-server 127.0.0.1; default-port %s; };\n", control),
		"etc/debvisor/dns-server.json": fmt.Sprintf(`{"self": %q, "zones": [{"name": %q}]}`, address, zone),
		"etc/debvisor/dns.json":        fmt.Sprintf(`{"servers": [%q, %q], "zone": %q, "guests": "vm", "ttl": 300}`, portOf(servers[0], port), portOf(servers[1], port), zone),
		"etc/group":                    "bind:x:1:\n",
	}
	conf := rndc + fmt.Sprintf("options { directory %q; listen-on port %d { 127.0.0.1; }; listen-on-v6 { none; }; pid-file none; session-keyfile none; recursion no; notify no; dnssec-validation no; };\n"+
		"controls { inet 127.0.0.1 port %s allow { 127.0.0.1; } keys { rndc-key; }; };\n", root, portOf(address, port).Port(), control)
	m := &machine{Host: &host.Host{Root: root, Owners: owners()}}
	w := &world{t: t}
	for _, role := range tsig.Roles {
		conf += fmt.Sprintf("include %q;\n", filepath.Join(root, tsig.ServerPath(role)))
		w.must(m.Need(tsig.ServerFile(role, keys[role])))(m)
	}
	w.must(m.Need(zonesFile(root, keys), tsig.ClientFile(keys[tsig.Node][0]), tsig.ClientFile(keys[tsig.VM][0])))(m)
	files["named.conf"] = conf + fmt.Sprintf("include %q;\n", filepath.Join(root, "zones.conf"))
	for name, text := range files {
		w.must(m.Need(host.File{Path: "/" + name, Content: text, Mode: 0o600}))(m)
	}
	startNamed(t, root, portOf(address, port), keys[tsig.Node][0])
}

func startNamed(t *testing.T, root string, at netip.AddrPort, k tsig.Key) {
	t.Helper()
	answers := func(ctx context.Context) error { return update.Probe(ctx, at, zone, k) }
	hosttest.Daemon(t, answers, "named", "-g", "-n", "1", "-c", filepath.Join(root, "named.conf"))
}

// traffic is clients that update without an end, each with the key that its machine has at that moment.
type traffic struct {
	done, failed atomic.Int64
	mu           sync.Mutex
	first        error
	stop         func()
}

func begin(t *testing.T, dir, port string, clients int) *traffic {
	ctx, cancel := context.WithCancel(t.Context())
	f := &traffic{}
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				if err := f.one(dir, port, i, n); err != nil {
					f.failed.Add(1)
					f.mu.Lock()
					f.first = errors.Join(f.first, err)
					f.mu.Unlock()
					time.Sleep(10 * time.Millisecond)
				}
				f.done.Add(1)
			}
		})
	}
	f.stop = func() { cancel(); all.Wait() }
	return f
}

func (f *traffic) one(dir, port string, client, n int) error {
	h := &host.Host{Root: filepath.Join(dir, servers[client%2])}
	k, err := tsig.ClientKey(h, tsig.ClientRoles[client/2%2])
	if err != nil {
		return err
	}
	rr, err := dns.NewRR(fmt.Sprintf("c%d.%s. 60 A 192.0.2.%d", client, zone, n%50+1))
	if err != nil {
		return err
	}
	at := portOf(servers[n%2], port)
	return (&update.Client{Key: k, Timeout: 5 * time.Second}).Update(context.Background(), at, zone, nil, []dns.RR{rr})
}

// once runs the steps in a process, which is killed after the time if that is not 0.
func once(t *testing.T, dir, port string, killAfter time.Duration, env ...string) error {
	t.Helper()
	var said bytes.Buffer
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := host.Start(t.Context(), host.Cmd{Args: []string{program}, Env: append(env, placeVariable+"="+dir+"|"+port)}, host.Streams{Err: &said})
	if err != nil {
		t.Fatal(err)
	}
	if killAfter > 0 {
		select {
		case <-p.Done():
		case <-time.After(killAfter):
			if err := p.Kill(); err != nil {
				t.Fatal(err)
			}
			return errKilled
		}
	}
	if err := p.Wait(); err != nil {
		return fmt.Errorf("%w: %s", err, &said)
	}
	return nil
}

// rotations are as many as there is time for: all of them with DEBVISOR_E2E_DNS=1.
func rotations() int {
	if os.Getenv("DEBVISOR_E2E_DNS") == "1" {
		return 20
	}
	return 3
}

func TestClientsUpdateThroughRotations(t *testing.T) {
	dir, port := pair(t)
	f := begin(t, dir, port, 8)
	began := time.Now()
	old := []map[tsig.Role][]tsig.Key{}
	for range rotations() {
		old = append(old, keysOf(t, dir))
		if err := once(t, dir, port, 0); err != nil {
			t.Fatal(err)
		}
	}
	took := time.Since(began)
	f.stop()
	t.Logf("%d rotations in %s: %d updates, %d failed", rotations(), took.Round(time.Millisecond), f.done.Load(), f.failed.Load())
	if f.failed.Load() > 0 || f.done.Load() < 100 {
		t.Errorf("%d of %d updates failed: %v", f.failed.Load(), f.done.Load(), f.first)
	}
	refused(t, dir, port, old)
}

func keysOf(t *testing.T, dir string) map[tsig.Role][]tsig.Key {
	t.Helper()
	keys, err := tsig.ServerKeys(&host.Host{Root: filepath.Join(dir, servers[0])})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// refused: every server refuses every retired key, of all generations and roles.
func refused(t *testing.T, dir, port string, old []map[tsig.Role][]tsig.Key) {
	t.Helper()
	now := keysOf(t, dir)
	asked := 0
	for _, address := range servers {
		for _, role := range tsig.Roles {
			for _, k := range keysBefore(old, role) {
				if slices.Contains(now[role], k) {
					t.Errorf("%s is there still", k)
				}
				asked++
				err := update.Probe(t.Context(), portOf(address, port), zone, k)
				var unknown *update.KeyError
				if !errors.As(err, &unknown) {
					t.Errorf("%s takes %s: %v", address, k, err)
				}
			}
		}
	}
	if asked < len(servers)*len(tsig.Roles)*len(old) {
		t.Errorf("only %d keys of %d generations were asked for", asked, len(old))
	}
}

// keysBefore are all keys of a role that there were, each once.
func keysBefore(old []map[tsig.Role][]tsig.Key, role tsig.Role) (all []tsig.Key) {
	for _, keys := range old {
		for _, k := range keys[role] {
			if !slices.Contains(all, k) {
				all = append(all, k)
			}
		}
	}
	return all
}

// Killed at any time, a rotation is gone on with; meanwhile no update fails.
func TestARotationIsKilledUnderLoad(t *testing.T) {
	dir, port := pair(t)
	f := begin(t, dir, port, 8)
	kills, old := 0, []map[tsig.Role][]tsig.Key{}
	for range rotations() {
		old = append(old, keysOf(t, dir))
		err := errKilled
		for errors.Is(err, errKilled) {
			if err = once(t, dir, port, time.Duration(50+rand.IntN(1500))*time.Millisecond); err != nil {
				kills++
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	f.stop()
	t.Logf("%d rotations, %d kills: %d updates, %d failed", rotations(), kills, f.done.Load(), f.failed.Load())
	if f.failed.Load() > 0 {
		t.Errorf("%d of %d updates failed: %v", f.failed.Load(), f.done.Load(), f.first)
	}
	refused(t, dir, port, old)
}

// The two tests above see what they must see.
func TestUpdatesFailWhereServersAcceptOneGenerationAlone(t *testing.T) {
	dir, port := pair(t)
	f := begin(t, dir, port, 8)
	err := once(t, dir, port, 0, aloneVariable+"=1")
	f.stop()
	t.Logf("%d updates, %d failed; the rotation: %v", f.done.Load(), f.failed.Load(), err)
	if f.failed.Load() == 0 {
		t.Error("no update failed")
	}
}
