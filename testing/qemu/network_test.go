package qemu

import (
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"

	"debvisor/internal/host"
)

func network(t *testing.T) *Network {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: makes a network namespace")
	}
	n, err := NewNetwork(t.Context(), t.TempDir(), 0, netip.MustParsePrefix("10.77.0.1/24"), netip.MustParsePrefix("fd77::1/64"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// The firewall drops everything but two ports, one with a listener and one without: both let a stranger through.
func TestScanFindsWhatTheFirewallLetsThrough(t *testing.T) {
	if _, err := host.Find("nft"); err != nil {
		t.Skip("needs nft, of package nftables")
	}
	n := network(t)
	err := n.Do(func() error {
		cmd := host.Cmd{Args: []string{"nft", "-f", "-"}, Stdin: `table inet t { chain c {
			type filter hook input priority 0; policy drop
			tcp dport 40000 accept comment "the scanner's own answers"
			tcp dport { 1, 65535 } accept
		}
		}
		`}
		if _, err := (host.System{}).Run(t.Context(), cmd); err != nil {
			return err
		}
		l, err := net.Listen("tcp", ":65535")
		t.Cleanup(func() { l.Close() })
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range []string{"10.77.0.1", "fd77::1"} {
		a := netip.MustParseAddr(addr)
		got, err := n.Scan(t.Context(), a, a)
		if want := []uint16{1, 40000, 65535}; !slices.Equal(got, want) || err != nil {
			t.Errorf("%s: got %v, %v; want %v", addr, got, err, want)
		}
	}
}

func TestNothingLeadsOutOfTheNamespace(t *testing.T) {
	n := network(t)
	var routes []byte
	err := n.Do(func() (err error) {
		routes, err = host.New().Run(t.Context(), "ip", "route", "show", "default")
		return err
	})
	if err != nil || len(routes) != 0 {
		t.Errorf("got %q, %v", routes, err)
	}
}
