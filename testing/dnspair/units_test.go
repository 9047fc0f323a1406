package dnspair

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"debvisor/internal/dns"
	watcher "debvisor/internal/dns/pair"
	"debvisor/internal/host"
	"debvisor/internal/tsig"
	"debvisor/testing/lab"
)

// fleet is nodes with systemd: 1 and 2 are the pair, 3 is the arbiter.
type fleet struct{ *lab.Lab }

const opened = "table inet debvisor { chain input { ip saddr 10.99.0.0/24 meta l4proto { tcp, udp } th dport 53 accept; }; }\n"

func labAddress(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 99, 0, byte(10 + n)}) }

func newFleet(t *testing.T) fleet {
	t.Helper()
	f := fleet{lab.New(t, lab.Options{Nodes: 3, Packages: []string{"bind9", "bind9-dnsutils", "keepalived", "dnsmasq"}})}
	keys := map[tsig.Role]tsig.Key{}
	for _, role := range tsig.Roles {
		keys[role] = tsig.New(role, 2026112401)
	}
	for n := 1; n <= 3; n++ {
		s := dns.Server{Self: labAddress(n), Peer: labAddress(3 - n), First: n == 1, Arbiter: labAddress(3), Zones: []dns.Zone{{Name: zone, Guests: "vm"}}}
		if n == 3 {
			s = dns.Server{Self: labAddress(3), Primaries: []netip.Addr{labAddress(1), labAddress(2)}, Arbitrates: true, Zones: s.Zones}
		}
		f.server(t, n, s, keys)
	}
	return f
}

func (f fleet) server(t *testing.T, n int, s dns.Server, keys map[tsig.Role]tsig.Key) {
	t.Helper()
	text, err := dns.Text(s)
	if err != nil {
		t.Fatal(err)
	}
	files := []host.File{
		{Path: dns.ServerPath, Content: text, Mode: 0o644},
		{Path: "/etc/bind/named.conf", Content: namedConf, Mode: 0o644},
		{Path: "/etc/nftables.d/20-dns.conf", Content: opened, Mode: 0o644},
	}
	if s.First {
		files = append(files, host.File{Path: "/var/lib/bind/debvisor.local.zone", Content: zoneText, Mode: 0o644, Owner: "bind:bind"})
	}
	if s.Arbitrates {
		files = append(files, host.File{Path: "/var/lib/bind/" + dns.ArbiterZone + ".zone", Content: arbiterText, Mode: 0o644, Owner: "bind:bind"})
	}
	for _, role := range tsig.Roles {
		files = append(files, tsig.ServerFile(role, []tsig.Key{keys[role]}))
	}
	for _, file := range files {
		owner := file.Owner
		if owner == "" {
			owner = "root:root"
		}
		_, err := f.Node(n).ExecInput(t.Context(), file.Content, "sh", "-ec", `umask 077; mkdir -p -m 755 "$1"; cat > "$2"; chmod "$3" "$2"; chown "$4" "$2"`, "sh",
			filepath.Dir(file.Path), file.Path, fmt.Sprintf("%o", file.Mode), owner)
		if err != nil {
			t.Fatal(err)
		}
	}
	f.on(t, n, "debvisor firewall load && systemctl enable --now named debvisor-dns-pair")
}

func (f fleet) on(t *testing.T, n int, command string) string {
	t.Helper()
	out, err := f.Node(n).Exec(t.Context(), "sh", "-ec", command)
	if err != nil {
		t.Fatalf("node%d: %v\n%s", n, err, out)
	}
	return strings.TrimSpace(out)
}

func (f fleet) status(t *testing.T, n int) (r watcher.Report, err error) {
	t.Helper()
	out, err := f.Node(n).Exec(t.Context(), "debvisor", "dns", "status", "--json")
	if err != nil {
		return r, fmt.Errorf("%w: %s", err, out)
	}
	var said struct{ State watcher.Report }
	return said.State, json.Unmarshal([]byte(out), &said)
}

// together waits until both nodes are members, and returns what the first says of the zone.
func (f fleet) together(t *testing.T) (z watcher.ZoneReport) {
	t.Helper()
	until(t, 30*time.Second, func() error {
		for n := 1; n <= 2; n++ {
			r, err := f.status(t, n)
			if err != nil {
				return err
			}
			if z = r.Zones[0]; len(z.Members) != 2 || z.Lag != 0 || z.PeerState != "answers" || z.PeerEpoch != z.Epoch || !r.Answers {
				return fmt.Errorf("node%d: %s", n, r.String())
			}
		}
		return nil
	})
	return z
}

// What systemd starts again makes no roles change; a node that dies does, and comes back as the other one.
func TestTheUnitsKeepAPair(t *testing.T) {
	f := newFleet(t)
	defer func() {
		if t.Failed() {
			for n := 1; n <= 2; n++ {
				out, err := f.Node(n).Exec(context.Background(), "sh", "-c", "systemctl status named debvisor-dns-pair; journalctl --no-pager -u debvisor-dns-pair -u named | grep -v 'automatic empty' | tail -60")
				t.Logf("node%d: %s %v", n, out, err)
			}
		}
	}()
	begun := f.together(t)
	for n := 1; n <= 2; n++ {
		f.on(t, n, "systemctl kill -s KILL named")
		f.on(t, n, "systemctl kill -s KILL debvisor-dns-pair")
		f.on(t, n, "systemctl restart named debvisor-dns-pair")
	}
	if again := f.together(t); again.Writer != begun.Writer {
		t.Errorf("after restarts %s writes, and %s did before", again.Writer, begun.Writer)
	}
	f.on(t, 1, "systemctl stop debvisor-dns-pair")
	if got := f.on(t, 1, "cat "+watcher.TrackPath); got != "-254" {
		t.Errorf("without a watcher keepalived is told %s", got)
	}
	f.on(t, 1, "systemctl start debvisor-dns-pair")
	until(t, 10*time.Second, func() error {
		if got := f.on(t, 1, "cat "+watcher.TrackPath); got != "0" {
			return fmt.Errorf("keepalived is told %s", got)
		}
		return nil
	})
	if err := f.Node(1).Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	until(t, 20*time.Second, func() error {
		r, err := f.status(t, 2)
		if err == nil && (r.Zones[0].Role != "primary" || r.Zones[0].Writer != labAddress(2)) {
			err = fmt.Errorf("%s", r.String())
		}
		return err
	})
	t.Logf("the other node writes %s after the first died", time.Since(start).Round(10*time.Millisecond))
	if err := f.Node(1).Boot(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := f.together(t); after.Writer != labAddress(2) {
		t.Errorf("after the return of the first node %s writes", after.Writer)
	}
	for n := 1; n <= 2; n++ {
		if got := f.on(t, n, "systemctl show -P NRestarts debvisor-dns-pair; ls /var/lib/debvisor/dns"); strings.Contains(got, "unconfirmed") {
			t.Errorf("node%d: %s", n, got)
		}
	}
}
