package e2e

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// documentedPorts are those that docs/firewall.md names as open on a new node.
var documentedPorts = []uint16{22}

// fromOutside looks at the node as other hosts see it.
func (s *site) fromOutside(t *testing.T) {
	t.Run("the key logs in", func(t *testing.T) {
		if got := s.run(t, "id -un"); got != admin+"\n" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("the same over IPv6", s.loginOverIPv6)
	t.Run("the right password does not", s.passwordIsRefused)
	t.Run("root does not, even with a key", s.rootIsRefused)
	t.Run("open ports are the documented ones", s.openPorts)
	t.Run("one line opens a port", s.oneLineOpensAPort)
}

func (s *site) loginOverIPv6(t *testing.T) {
	client, err := s.dial(s.address6(t), admin, ssh.PublicKeys(s.key))
	if err != nil {
		t.Fatal(err)
	}
	client.Close()
}

// address6 is br0's global IPv6 address.
func (s *site) address6(t *testing.T) netip.Addr {
	t.Helper()
	if !s.dhcp {
		return node6
	}
	out := s.run(t, "ip -6 -o addr show dev br0 scope global")
	prefix, err := netip.ParsePrefix(word(out, 3))
	if err != nil || !peer6.Masked().Contains(prefix.Addr()) {
		t.Fatalf("br0 has no announced address: %v\n%s", err, out)
	}
	return prefix.Addr()
}

func word(text string, n int) string {
	if f := strings.Fields(text); n < len(f) {
		return f[n]
	}
	return ""
}

const notOffered = "ssh: handshake failed: ssh: unable to authenticate, attempted methods [none], no supported methods remain"

// passwordIsRefused: the server does not even offer to ask for one.
func (s *site) passwordIsRefused(t *testing.T) {
	ask := func(_, _ string, questions []string, _ []bool) ([]string, error) {
		return slices.Repeat([]string{s.password}, len(questions)), nil
	}
	client, err := s.dial(node4, console, ssh.Password(s.password), ssh.KeyboardInteractive(ask))
	if err == nil {
		client.Close()
		t.Fatal("it logged in")
	}
	if err.Error() != notOffered {
		t.Errorf("got %v\nwant %s", err, notOffered)
	}
}

func (s *site) rootIsRefused(t *testing.T) {
	s.root(t, "install -d -m 700 /root/.ssh && install -m 600 /home/"+admin+"/.ssh/authorized_keys /root/.ssh/")
	defer s.root(t, "rm /root/.ssh/authorized_keys")
	client, err := s.dial(node4, "root", ssh.PublicKeys(s.key))
	if err == nil {
		client.Close()
		t.Fatal("it logged in")
	}
	if !strings.Contains(err.Error(), "unable to authenticate") {
		t.Errorf("got %v", err)
	}
}

// openPorts asks all TCP ports: in one family from the network of the node, in the other from a stranger's.
func (s *site) openPorts(t *testing.T) {
	s.scan(t, peer4.Addr(), node4, documentedPorts)
	s.scan(t, stranger6.Addr(), s.address6(t), s.strangersPorts())
}

// strangersPorts are open to hosts outside the management networks.
func (s *site) strangersPorts() []uint16 {
	if s.managed {
		return nil
	}
	return slices.Clone(documentedPorts)
}

func (s *site) scan(t *testing.T, from, to netip.Addr, want []uint16) {
	t.Helper()
	got, err := s.net.Scan(t.Context(), from, to)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%s sees %v open on %s, %v; want %v", from, got, to, err, want)
	}
}

// oneLineOpensAPort is also the proof that a scan sees what is not closed.
func (s *site) oneLineOpensAPort(t *testing.T) {
	s.root(t, `cp -p /etc/nftables/debvisor-local.nft /root/
		echo 'add rule inet debvisor input tcp dport $rpc_port accept' >> /etc/nftables/debvisor-local.nft
		debvisor firewall load`)
	s.scan(t, stranger4.Addr(), node4, append(s.strangersPorts(), 9443))
	s.root(t, "cp -p /root/debvisor-local.nft /etc/nftables/ && rm /root/debvisor-local.nft && debvisor firewall load")
}
