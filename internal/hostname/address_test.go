package hostname

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
)

func addrs(text ...string) (all []netip.Addr) {
	for _, t := range text {
		all = append(all, netip.MustParseAddr(t))
	}
	return all
}

func TestAddresses(t *testing.T) {
	const (
		wan    = `[{"ifname":"br0","addr_info":[{"local":"192.0.2.11","scope":"global"}]},{"ifname":"enp9s0","addr_info":[{"local":"198.51.100.4","scope":"global"},{"local":"2001:db8:9::4","scope":"global"}]},{"ifname":"docker0","addr_info":[{"local":"172.17.0.1","scope":"global"}]}]`
		viaWAN = `[{"dst":"default","nexthops":[{"dev":"enp9s0"},{"dev":"br0"}],"metric":5}]`
		ula    = `[{"ifname":"br0","addr_info":[{"local":"2001:db8::9","scope":"global","dynamic":true},{"local":"2001:db8::7","scope":"global","dynamic":true},{"local":"fd00::1","scope":"global","dynamic":true}]}]`
		docker = `[{"ifname":"docker0","addr_info":[{"local":"172.17.0.1","scope":"global"}]}]`
		alone  = `[{"ifname":"br0","addr_info":[{"local":"10.9.9.9","prefixlen":32,"scope":"global"},{"local":"192.0.2.60","prefixlen":24,"scope":"global"},{"local":"10.0.0.1","prefixlen":24,"scope":"global"}]}]`
		server = `[{"ifname":"br0","addr_info":[{"local":"192.0.2.53","scope":"global"},{"local":"192.0.2.60","scope":"global"}]}]`
	)
	for _, c := range []struct {
		name, links, four string
		settings          Settings
		want              string
	}{
		{"the default route's interface, IPv6 there too", wan, viaWAN, Settings{}, "[198.51.100.4 2001:db8:9::4]"},
		{"no default route", wan, "[]", Settings{}, "[192.0.2.11]"},
		{"a default route into Docker", wan, `[{"dev":"docker0"}]`, Settings{}, "[192.0.2.11]"},
		{"the lowest number of equals, and none that is only local", ula, "", Settings{}, "[2001:db8::7]"},
		{"a virtual address that keepalived did not mark", server, "", Settings{Virtual: addrs("192.0.2.53")}, "[192.0.2.60]"},
		{"a name server's address may be virtual", server, "", Settings{Shared: addrs("192.0.2.53")}, "[192.0.2.60]"},
		{"a name server's address that is the only one", server, "", Settings{Shared: addrs("192.0.2.53", "192.0.2.60")}, "[192.0.2.53]"},
		{"an address without a network is one more", alone, "", Settings{}, "[192.0.2.60]"},
		{"of equals, the one that was there first", server, "", Settings{}, "[192.0.2.53]"},
		{"only Docker", docker, "", Settings{}, ""},
		{"only a virtual address", server, "", Settings{Virtual: addrs("192.0.2.53", "192.0.2.60")}, ""},
	} {
		m := machine(t)
		m.Runner.Answer(ipAddresses, c.links)
		m.Runner.Answer(ipFour, c.four)
		got, err := c.settings.addresses(t.Context(), m.Host)
		if c.want == "" && !errors.Is(err, errNoAddress) || c.want != "" && (err != nil || fmt.Sprint(got) != c.want) {
			t.Errorf("%s: %v, %v; want %s", c.name, got, err, c.want)
		}
	}
}

func FuzzAddresses(f *testing.F) {
	f.Add(`[{"ifname":"br0","addr_info":[{"local":"::ffff:1.2.3.4","scope":"global"}]}]`, `[{"dev":""}]`)
	f.Add(`[]`, `[{"nexthops":[]}]`)
	f.Fuzz(func(t *testing.T, links, routes string) {
		m := machine(t)
		m.Runner.Answer(ipAddresses, links)
		m.Runner.Answer(ipFour, routes)
		got, err := Settings{}.addresses(t.Context(), m.Host)
		if err == nil && (len(got) == 0 || len(got) > 2) {
			t.Errorf("%v", got)
		}
		for _, a := range got {
			if a.IsLoopback() || a.IsLinkLocalUnicast() || a.Zone() != "" || a.Is4In6() {
				t.Errorf("%v", a)
			}
		}
	})
}
