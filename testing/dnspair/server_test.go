// Package dnspair tests two name servers and an arbiter with the real named and the real watcher, each server in a network
// namespace of its own with files of its own, on one bridge. It needs root, ip, unshare, named and rndc.
package dnspair

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"debvisor/internal/dns"
	"debvisor/internal/host"
	"debvisor/internal/tsig"
)

const zone = "debvisor.local"

func addr(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 94, 0, byte(10 + n)}) }

func at(n int) netip.AddrPort { return netip.AddrPortFrom(addr(n), 53) }

// pair is servers 1 and 2, and 3, which is the arbiter. outside is the network namespace with the bridge.
type pair struct {
	servers []*server
	outside string
	binary  string
}

type server struct {
	n      int
	ns     string
	root   string // its own files
	bridge string
	binary string
	mu     sync.Mutex
	ctx    context.Context
	named  *host.Process
	daemon *host.Process
	log    strings.Builder
}

func newPair(t *testing.T, arbiter bool) *pair {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	for _, tool := range []string{"ip", "unshare", "named", "rndc", "named-checkconf"} {
		if _, err := host.Find(tool); err != nil {
			t.Skipf("needs %s", tool)
		}
	}
	id := strconv.Itoa(os.Getpid()) + "-" + strconv.FormatInt(time.Now().UnixNano()%1e6, 36)
	p := &pair{outside: "dpo" + id, binary: program(t)}
	namespace(t, p.outside)
	run(t, "ip", "-n", p.outside, "link", "add", "br0", "type", "bridge")
	run(t, "ip", "-n", p.outside, "addr", "add", "10.94.0.1/24", "dev", "br0")
	run(t, "ip", "-n", p.outside, "link", "set", "br0", "up")
	keys := map[tsig.Role]tsig.Key{}
	for _, role := range tsig.Roles {
		keys[role] = tsig.New(role, 2026112401)
	}
	for n := 1; n <= 3; n++ {
		s := &server{n: n, ns: "dps" + strconv.Itoa(n) + id, root: t.TempDir(), bridge: p.outside, binary: p.binary, ctx: t.Context()}
		p.servers = append(p.servers, s)
		s.plug(t)
		s.files(t, settings(n, arbiter), keys)
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("server %d:\n%s", s.n, s.said())
			}
		})
	}
	return p
}

// programs is where the program is built. It ends with the tests.
var programs string

// built is the program under test, which is built once.
var built = sync.OnceValues(func() (string, error) {
	path := filepath.Join(programs, "debvisor")
	_, err := host.System{}.Run(context.Background(), host.Cmd{Args: []string{"go", "build", "-o", path, "../../cmd/debvisor"}})
	return path, err
})

func program(t *testing.T) string {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func settings(n int, arbiter bool) dns.Server {
	s := dns.Server{Self: addr(n), Peer: addr(3 - n), First: n == 1, Zones: []dns.Zone{{Name: zone, Guests: "vm"}}}
	if arbiter {
		s.Arbiter = addr(3)
	}
	if n == 3 {
		return dns.Server{Self: addr(3), Primaries: []netip.Addr{addr(1), addr(2)}, Arbitrates: true, Zones: s.Zones}
	}
	return s
}

func namespace(t *testing.T, name string) {
	t.Helper()
	run(t, "ip", "netns", "add", name)
	t.Cleanup(func() { run(t, "ip", "netns", "del", name) })
	run(t, "ip", "-n", name, "link", "set", "lo", "up")
}

func (s *server) plug(t *testing.T) {
	namespace(t, s.ns)
	port := fmt.Sprintf("p%d", s.n)
	run(t, "ip", "-n", s.ns, "link", "add", "up0", "type", "veth", "peer", "name", port, "netns", s.bridge)
	run(t, "ip", "-n", s.ns, "addr", "add", addr(s.n).String()+"/24", "dev", "up0")
	run(t, "ip", "-n", s.ns, "link", "set", "up0", "up")
	run(t, "ip", "-n", s.bridge, "link", "set", port, "master", "br0", "up")
}

// cut pulls the cable; whole plugs it in.
func (s *server) cut(t *testing.T) {
	run(t, "ip", "-n", s.bridge, "link", "set", fmt.Sprintf("p%d", s.n), "down")
}
func (s *server) whole(t *testing.T) {
	run(t, "ip", "-n", s.bridge, "link", "set", fmt.Sprintf("p%d", s.n), "up")
}

const namedConf = `options {
	directory "/var/cache/bind";
	recursion no;
	listen-on { any; };
	listen-on-v6 { none; };
	dnssec-validation no;
	allow-query { any; };
	notify-rate 1000;
	serial-query-rate 1000;
	transfers-per-ns 10;
};
logging {
	category update { null; };
	category xfer-in { null; };
	category xfer-out { null; };
	category notify { null; };
};
include "/etc/bind/tsig-debvisor.conf";
include "/etc/bind/tsig-node.conf";
include "/etc/bind/tsig-vm.conf";
include "/etc/bind/debvisor-zones.conf";
`

const zoneText = `$TTL 300
@ SOA ns1.debvisor.local. admin.debvisor.local. 1 60 15 1209600 30
@ NS ns1
@ NS ns2
ns1 A 10.94.0.11
ns2 A 10.94.0.12
`

const arbiterText = `$TTL 1
@ SOA localhost. root.localhost. 1 60 15 1209600 1
@ NS localhost.
`

// own are the directories of a server.
var own = []string{"/etc/bind", "/etc/debvisor", "/var/lib/bind", "/var/cache/bind", "/var/lib/debvisor", "/var/log/debvisor", "/run/named", "/run/debvisor-dns"}

func (s *server) files(t *testing.T, settings dns.Server, keys map[tsig.Role]tsig.Key) {
	t.Helper()
	h := &host.Host{Root: s.root, Runner: host.System{}, Owners: map[string]string{}}
	text, err := dns.Text(settings)
	if err != nil {
		t.Fatal(err)
	}
	wants := []host.Want{
		host.File{Path: dns.ServerPath, Content: text, Mode: 0o644},
		host.File{Path: "/etc/bind/named.conf", Content: namedConf, Mode: 0o644},
		tsig.ClientFile(keys[tsig.Node]),
	}
	if settings.First {
		wants = append(wants, host.File{Path: "/var/lib/bind/debvisor.local.zone", Content: zoneText, Mode: 0o644})
	}
	if settings.Arbitrates {
		wants = append(wants, host.File{Path: "/var/lib/bind/" + dns.ArbiterZone + ".zone", Content: arbiterText, Mode: 0o644})
	}
	for _, role := range tsig.Roles {
		wants = append(wants, tsig.ServerFile(role, []tsig.Key{keys[role]}))
	}
	for _, dir := range own {
		wants = append(wants, host.Dir{Path: dir, Mode: 0o755})
	}
	changes, err := h.Need(wants...)
	if err == nil {
		err = h.Apply(t.Context(), changes)
	}
	if err != nil {
		t.Fatal(err)
	}
	run(t, "rndc-confgen", "-a", "-c", filepath.Join(s.root, "etc/bind/rndc.key"))
}

// command is one that runs on the server. The directories in own must be on this system; each is mounted over.
func (s *server) command(args ...string) host.Cmd {
	var mounts strings.Builder
	for _, dir := range own {
		fmt.Fprintf(&mounts, "mkdir -p %s && mount --bind %s%s %s && ", dir, s.root, dir, dir)
	}
	return host.Cmd{Args: append([]string{"ip", "netns", "exec", s.ns, "unshare", "--mount", "sh", "-c", mounts.String() + `exec "$@"`, "sh"}, args...)}
}

func (s *server) run(args ...string) (string, error) {
	out, err := host.System{}.Run(s.ctx, s.command(args...))
	return string(out), err
}

// Write takes what named and the daemon say.
func (s *server) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for line := range strings.Lines(string(b)) {
		s.log.WriteString(time.Now().Format("05.000 ") + line)
	}
	return len(b), nil
}

func (s *server) said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// startNamed does what named.service does.
func (s *server) startNamed(t *testing.T) {
	t.Helper()
	if out, err := s.run(s.binary, "dns", "prepare"); err != nil {
		t.Fatal(out, err)
	}
	var err error
	if s.named, err = host.Start(s.ctx, s.command("named", "-g", "-c", "/etc/bind/named.conf"), host.Streams{Out: s, Err: s}); err != nil {
		t.Fatal(err)
	}
	until(t, 10*time.Second, func() error {
		_, err := s.run("rndc", "status")
		return err
	})
}

func (s *server) startDaemon(t *testing.T) {
	t.Helper()
	var err error
	if s.daemon, err = host.Start(s.ctx, s.command(s.binary, "dns", "pair"), host.Streams{Out: s, Err: s}); err != nil {
		t.Fatal(err)
	}
}

func (s *server) start(t *testing.T) {
	t.Helper()
	s.startNamed(t)
	s.startDaemon(t)
}

// killNamed and killDaemon are kill -9.
func (s *server) killNamed(t *testing.T)  { kill(t, s.named) }
func (s *server) killDaemon(t *testing.T) { kill(t, s.daemon) }

func (s *server) kill(t *testing.T) {
	t.Helper()
	s.killDaemon(t)
	s.killNamed(t)
}

func kill(t *testing.T, p *host.Process) {
	t.Helper()
	if err := p.Kill(); err != nil {
		t.Error(err)
	}
}

// stall stops named, and goOn lets it go on.
func (s *server) stall(t *testing.T) { s.signal(t, syscall.SIGSTOP) }
func (s *server) goOn(t *testing.T)  { s.signal(t, syscall.SIGCONT) }

func (s *server) signal(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(s.named.Pid(), sig); err != nil {
		t.Error(err)
	}
}

// dig asks a server for something and returns what it says, or nothing. It is called in the namespace outside.
func (p *pair) dig(t *testing.T, n int, args ...string) string {
	t.Helper()
	return p.digAt(t, addr(n), args...)
}

func (p *pair) digAt(t *testing.T, server netip.Addr, args ...string) string {
	t.Helper()
	out, err := host.System{}.Run(t.Context(), host.Cmd{Args: append([]string{"ip", "netns", "exec", p.outside, "dig", "+short", "+norec", "+time=1", "+tries=1", "@" + server.String()}, args...)})
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// names are all names in a server's copy of the zone.
func (s *server) names(t *testing.T) map[string]bool {
	t.Helper()
	out, err := s.run("dig", "+noall", "+answer", "-k", "/etc/bind/tsig-debvisor.conf", "@"+addr(s.n).String(), "AXFR", zone)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for line := range strings.Lines(out) {
		if f := strings.Fields(line); len(f) > 4 && f[3] == "A" {
			found[strings.TrimSuffix(f[0], "."+zone+".")] = true
		}
	}
	return found
}

// patient is for questions of which no answer says something: one that is lost is asked again.
const patient = "+tries=3"

func (p *pair) record(t *testing.T, n int) (w dns.Writer) {
	t.Helper()
	w, err := dns.ParseWriter(strings.Trim(p.dig(t, n, patient, dns.WriterLabel+"."+zone, "TXT"), `"`))
	if err != nil {
		return dns.Writer{}
	}
	return w
}

func (p *pair) serial(t *testing.T, n int) uint32 {
	t.Helper()
	f := strings.Fields(p.dig(t, n, patient, zone, "SOA"))
	if len(f) < 3 {
		return 0
	}
	serial, err := strconv.ParseUint(f[2], 10, 32)
	if err != nil {
		t.Error(err)
	}
	return uint32(serial)
}

// together waits until both servers are members and equal.
func (p *pair) together(t *testing.T) dns.Writer {
	t.Helper()
	var w dns.Writer
	until(t, 30*time.Second, func() error {
		w = p.record(t, 1)
		if other := p.record(t, 2); !w.Equal(other) || len(w.Members) != 2 {
			return fmt.Errorf("the servers say %q and %q", w, other)
		}
		return nil
	})
	return w
}

func until(t *testing.T, patience time.Duration, try func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = try(); err == nil {
			return
		}
	}
	t.Fatalf("after %s: %v", patience, err)
}

func run(t *testing.T, args ...string) {
	t.Helper()
	if _, err := (host.System{}).Run(context.Background(), host.Cmd{Args: args}); err != nil {
		t.Fatal(err)
	}
}

func (s *server) runCmd(c host.Cmd) (string, error) {
	out, err := host.System{}.Run(s.ctx, c)
	return string(out), err
}
