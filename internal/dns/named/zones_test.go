package named

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"debvisor/internal/dns"
	"debvisor/internal/host"
)

func addr(text string) netip.Addr { return netip.MustParseAddr(text) }

func pair() dns.Server {
	return dns.Server{
		Self: addr("192.0.2.1"), Peer: addr("192.0.2.2"), First: true, Arbiter: addr("192.0.2.3"),
		VIP: []netip.Addr{addr("192.0.2.53"), addr("2001:db8::53")}, Secondaries: []netip.Addr{addr("192.0.2.3")},
		Zones: []dns.Zone{
			{Name: "debvisor.local", Guests: "vm", Reserved: []string{"dns"}},
			{Name: "2.0.192.in-addr.arpa"},
			{Name: "0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"},
		},
	}
}

func keys() KeyNames {
	return KeyNames{
		Node:     []string{"debvisor-node-2026112402", "debvisor-node-2026112401"},
		VM:       []string{"debvisor-vm-2026112401"},
		Transfer: []string{"debvisor-xfer-2026112402", "debvisor-xfer-2026112401"},
	}
}

func goldens() map[string]string {
	alone := pair()
	alone.Peer, alone.Secondaries, alone.Arbiter, alone.Zones = netip.Addr{}, nil, netip.Addr{}, alone.Zones[:1]
	further := dns.Server{Self: addr("2001:db8::3"), Primaries: []netip.Addr{addr("2001:db8::1"), addr("2001:db8::2")}, Arbitrates: true, Zones: alone.Zones}
	roles := map[string]Role{"debvisor.local": Primary, "2.0.192.in-addr.arpa": Closed, "0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa": Secondary}
	return map[string]string{
		"pair":    Zones(pair(), keys(), roles),
		"started": Zones(pair(), keys(), nil),
		"alone":   Zones(alone, keys(), nil),
		"further": Zones(further, keys(), map[string]Role{"debvisor.local": Primary}),
	}
}

func TestZonesAreWrittenAsExpected(t *testing.T) {
	for name, got := range goldens() {
		file := "testdata/" + name + ".conf"
		if os.Getenv("UPDATE_GOLDEN") != "" {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil || got != string(want) {
			t.Errorf("%s: %v, got\n%s", file, err, got)
		}
	}
}

func TestNamedTakesTheZones(t *testing.T) {
	if _, err := host.Find("named-checkconf"); err != nil {
		t.Skip("needs named-checkconf (bind9-utils)")
	}
	for name, text := range goldens() {
		var b strings.Builder
		for _, key := range append(append(keys().Node, keys().VM...), keys().Transfer...) {
			fmt.Fprintf(&b, "key %q { algorithm hmac-sha256; %s; };\n", key, noSecret)
		}
		out, err := host.System{}.Run(t.Context(), host.Cmd{Args: []string{"named-checkconf", "/dev/stdin"}, Stdin: b.String() + text})
		if err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

func TestReverseZones(t *testing.T) {
	for network, want := range map[string]string{
		"10.0.0.0/8": "10.in-addr.arpa", "10.99.0.0/16": "99.10.in-addr.arpa", "10.99.7.0/24": "7.99.10.in-addr.arpa",
		"fd99::/64": "0.0.0.0.0.0.0.0.0.0.0.0.9.9.d.f.ip6.arpa", "2001:db8::/44": "0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
		"10.99.0.0/20":  "a multiple of 8 below 32; write 10.99.0.0/16, or its parts",
		"10.99.0.0/32":  "write 10.99.0.0/24, or its parts",
		"0.0.0.0/0":     "write 0.0.0.0/8, or its parts",
		"fd00::/4":      "is not a network; write f000::/4",
		"10.99.0.1/24":  "is not a network; write 10.99.0.0/24",
		"2001:db8::/47": "a multiple of 4 below 128; write 2001:db8::/44, or its parts",
	} {
		got, err := ReverseZone(netip.MustParsePrefix(network))
		if err != nil {
			got = err.Error()
		}
		if !strings.HasSuffix(got, want) {
			t.Errorf("%s: got %s", network, got)
		}
	}
	if got := ReverseName(addr("2001:db8::53")); got != "3.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa" {
		t.Errorf("got %s", got)
	}
}
