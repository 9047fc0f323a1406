package cluster

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
	"debvisor/internal/hostname"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// etcd is a real server that only takes clients with a certificate, and a machine that has one.
type etcd struct {
	t        *testing.T
	h        *host.Host
	endpoint string
	p        *host.Process
	client   *clientv3.Client
}

func startEtcd(t *testing.T) *etcd {
	t.Helper()
	if _, err := host.Find("etcd"); err != nil {
		t.Skip("needs etcd-server")
	}
	e := &etcd{t: t, h: &host.Host{Root: t.TempDir(), Runner: host.System{}}, endpoint: "https://127.0.0.1:" + fmt.Sprint(hosttest.FreePort(t, "127.0.0.1"))}
	e.certificates()
	e.settings(map[string]any{"endpoints": []string{e.endpoint}, "ca": "/ca.pem", "certificate": "/node.pem", "key": "/node-key.pem"})
	e.connect()
	peer := "http://127.0.0.1:" + fmt.Sprint(hosttest.FreePort(t, "127.0.0.1"))
	e.p = hosttest.Daemon(t, e.answers, "etcd", "--data-dir", filepath.Join(e.h.Root, "data"), "--name", "one",
		"--listen-client-urls", e.endpoint, "--advertise-client-urls", e.endpoint, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "one="+peer,
		"--client-cert-auth", "--trusted-ca-file", e.at("ca.pem"), "--cert-file", e.at("node.pem"), "--key-file", e.at("node-key.pem"))
	return e
}

func (e *etcd) at(name string) string { return filepath.Join(e.h.Root, name) }

func (e *etcd) write(name string, data []byte) {
	e.t.Helper()
	if err := e.h.Apply(e.t.Context(), []host.Change{host.Write{Path: name, After: string(data), Mode: 0o600}}); err != nil {
		e.t.Fatal(err)
	}
}

func (e *etcd) settings(s map[string]any) {
	e.t.Helper()
	data, err := json.Marshal(s)
	if err != nil {
		e.t.Fatal(err)
	}
	e.write(hostname.EtcdPath, data)
}

// certificates makes an authority and one certificate, for the server and the machine alike; stranger.pem is an authority
// that signed nothing.
func (e *etcd) certificates() {
	e.t.Helper()
	authority := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	node := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "node"}, NotBefore: authority.NotBefore, NotAfter: authority.NotAfter,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	own, other, leaf := newKey(e.t), newKey(e.t), newKey(e.t)
	e.sign("ca.pem", authority, authority, own, own)
	e.sign("stranger.pem", authority, authority, other, other)
	e.sign("node.pem", node, authority, leaf, own)
	der, err := x509.MarshalECPrivateKey(leaf)
	if err != nil {
		e.t.Fatal(err)
	}
	e.write("node-key.pem", pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (e *etcd) sign(name string, c, by *x509.Certificate, key, with *ecdsa.PrivateKey) {
	e.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, c, by, &key.PublicKey, with)
	if err != nil {
		e.t.Fatal(err)
	}
	e.write(name, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// connect makes the client that the test itself puts values with.
func (e *etcd) connect() {
	e.t.Helper()
	data, err := os.ReadFile(e.at(hostname.EtcdPath))
	if err != nil {
		e.t.Fatal(err)
	}
	s, err := Parse(hostname.EtcdPath, data)
	if err != nil {
		e.t.Fatal(err)
	}
	config, err := s.tls(e.h)
	if err != nil {
		e.t.Fatal(err)
	}
	if e.client, err = clientv3.New(clientv3.Config{Endpoints: s.Endpoints, TLS: config, Logger: zap.NewNop()}); err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { e.client.Close() })
}

func (e *etcd) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_, err := e.client.Get(ctx, "x")
	return err
}

func (e *etcd) put(key, value string) {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(e.t.Context(), 20*time.Second)
	defer cancel()
	if _, err := e.client.Put(ctx, key, value); err != nil {
		e.t.Fatal(err)
	}
}

func (e *etcd) name() (string, error) {
	begun := time.Now()
	name, err := Name(e.t.Context(), e.h)
	e.t.Logf("%q, %v, after %s", name, err, time.Since(begun).Round(time.Millisecond))
	return name, err
}

func (e *etcd) says(want string) {
	e.t.Helper()
	if name, err := e.name(); err != nil || name != want {
		e.t.Errorf("got %q, %v; want %q", name, err, want)
	}
}

func (e *etcd) fails(want string) {
	e.t.Helper()
	if name, err := e.name(); err == nil || !strings.Contains(err.Error(), want) {
		e.t.Errorf("got %q, %v; want %s", name, err, want)
	}
}

func TestNameFromEtcd(t *testing.T) {
	e := startEtcd(t)
	e.fails("there is no node id")
	e.put("/debvisor/self/node_id", "../nodes")
	e.fails("/debvisor/self/node_id in etcd: a node id has")
	e.put("/debvisor/self/node_id", "shared\n")
	e.put("/debvisor/nodes/shared/info/fqdn", "shared.cluster.example")
	e.says("shared.cluster.example")
	e.write("/etc/debvisor/node-id", []byte("hv-0017\n"))
	e.says("")
	e.put("/debvisor/nodes/hv-0017/info/fqdn", "hv17.cluster.example\n")
	e.says("hv17.cluster.example")
	e.put("/debvisor/nodes/hv-0017/info/fqdn", strings.Repeat("x", 2*largest))
	e.fails("larger than max")
	e.put("/debvisor/nodes/hv-0017/info/fqdn", "hv18.cluster.example")
	e.settings(map[string]any{"endpoints": []string{"https://127.0.0.1:1", e.endpoint}, "ca": "/ca.pem", "certificate": "/node.pem", "key": "/node-key.pem"})
	e.says("hv18.cluster.example")
	e.write("/etc/debvisor/node-id", []byte("a/b"))
	e.fails("/etc/debvisor/node-id: a node id has")
}

func TestEtcdThatIsNotToBeTrustedOrDoesNotTrust(t *testing.T) {
	e := startEtcd(t)
	e.put("/debvisor/self/node_id", "1")
	e.put("/debvisor/nodes/1/info/fqdn", "hv1.cluster.example")
	e.says("hv1.cluster.example")
	e.settings(map[string]any{"endpoints": []string{e.endpoint}, "ca": "/stranger.pem", "certificate": "/node.pem", "key": "/node-key.pem"})
	e.fails("certificate signed by unknown authority")
	e.settings(map[string]any{"endpoints": []string{e.endpoint}, "ca": "/ca.pem"})
	e.fails("ask etcd for")
	e.settings(map[string]any{"endpoints": []string{e.endpoint}, "ca": "/node-key.pem"})
	e.fails("/node-key.pem holds no certificate")
}

// An etcd that hangs, and one that is gone, are given up; nobody but Name itself bounds the time here.
func TestEtcdThatDoesNotAnswer(t *testing.T) {
	e := startEtcd(t)
	e.put("/debvisor/self/node_id", "1")
	e.put("/debvisor/nodes/1/info/fqdn", "hv1.cluster.example")
	e.says("hv1.cluster.example")
	if err := syscall.Kill(e.p.Pid(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	e.fails("deadline exceeded")
	if err := syscall.Kill(e.p.Pid(), syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	e.says("hv1.cluster.example")
	if err := e.p.Kill(); err != nil {
		t.Fatal(err)
	}
	e.fails("connection refused")
}
