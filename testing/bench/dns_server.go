package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	zones "debvisor/internal/dns"
	"debvisor/internal/dns/update"
	"debvisor/internal/host"
	"debvisor/internal/tsig"
)

const (
	benchZone    = "bench.test"
	benchMachine = "11111111222233334444555555555555"
)

// nameServer is a named on loopback, and a node's files below root that lead to it.
type nameServer struct {
	bin, root, key string
	at             netip.AddrPort
	secret         tsig.Key
	owner          update.Identity
	process        *host.Process
	names          int
}

func (b bench) nameServer(ctx context.Context) (*nameServer, error) {
	n := &nameServer{bin: b.bin, root: b.path("node", ""), secret: tsig.New(tsig.Node, 1)}
	n.key = filepath.Join(n.root, tsig.NodeKeyPath)
	var err error
	if n.owner, err = update.IdentityOf(benchMachine); err != nil {
		return nil, err
	}
	if n.at, err = freeAt(); err != nil {
		return nil, err
	}
	if err := n.files(); err != nil {
		return nil, err
	}
	var said bytes.Buffer
	n.process, err = host.Start(ctx, host.Cmd{Args: []string{"named", "-g", "-c", filepath.Join(n.root, "named.conf")}}, host.Streams{Err: &said})
	if err != nil {
		return nil, err
	}
	for range 200 {
		if update.Probe(ctx, n.at, benchZone, n.secret) == nil {
			return n, nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return nil, fmt.Errorf("named does not answer: %w: %s", n.process.Kill(), said.Bytes())
}

// freeAt is an address that nothing listens on.
func freeAt() (netip.AddrPort, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return netip.AddrPort{}, err
	}
	return l.Addr().(*net.TCPAddr).AddrPort(), l.Close()
}

func (n *nameServer) files() error {
	settings, err := zones.Text(zones.Client{Servers: []netip.AddrPort{n.at}, Zone: benchZone, TTL: update.DefaultTTL})
	if err != nil {
		return err
	}
	conf := fmt.Sprintf(`options { directory %q; listen-on port %d { 127.0.0.1; }; listen-on-v6 { none; }; pid-file none;
	session-keyfile "session.key"; recursion no; notify no; dnssec-validation no; };
controls { };
%szone %q { type primary; file "zone"; update-policy { grant %s zonesub A AAAA DHCID; }; };
`, n.root, n.at.Port(), n.secret.Statement(), benchZone, n.secret.Name())
	zone := "$TTL 300\n@ SOA ns.bench.test. admin.bench.test. 1 600 60 86400 60\n@ NS ns\nns A 127.0.0.1\n"
	for name, text := range map[string]string{"named.conf": conf, "zone": zone, zones.ClientPath: settings,
		tsig.NodeKeyPath: n.secret.Statement(), "/etc/machine-id": benchMachine + "\n"} {
		p := filepath.Join(n.root, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// reading is a run of a command that reads a file.
func (n *nameServer) reading(ctx context.Context, name string, args []string) (used, error) {
	in, err := os.Open(name)
	if err != nil {
		return used{}, err
	}
	defer in.Close()
	return runFrom(ctx, in, nil, args...)
}
