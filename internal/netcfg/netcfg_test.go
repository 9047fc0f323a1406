package netcfg

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
)

var two = []Card{{"enp1s0", "52:54:00:00:00:01", true}, {"enp2s0", "52:54:00:00:00:02", true}, {"tap0", "fe:54:00:00:00:03", false}}

var (
	dhcp = Address{Method: "dhcp"}
	auto = Address{Method: "auto"}
	none = Address{Method: "none"}
)

func static(address, gateway string) Address { return Address{"static", address, gateway} }

// bridges are rendered to testdata/<name>; a case is a file there.
var bridges = map[string]Bridge{
	"only-card-dhcp": {IPv4: dhcp, IPv6: auto},
	"static-by-mac":  {Ports: []Port{{MAC: "52:54:00:00:00:02"}}, IPv4: static("10.0.0.11/24", "10.0.0.1"), IPv6: static("fd00::11/64", "fe80::1"), DNS: []string{"10.0.0.1", "fd00::1"}, Search: []string{"lab.example", "example"}},
	"two-ports-vlan": {Ports: []Port{{Name: "enp1s0"}, {MAC: "52-54-00-00-00-02"}}, VLAN: 30, IPv4: dhcp, IPv6: dhcp},
	"ipv6-alone":     {Ports: []Port{{Name: "enp1s0"}}, IPv4: none, IPv6: auto},
	"ipv4-alone":     {Ports: []Port{{Name: "enp1s0"}}, IPv4: static("192.0.2.7/32", ""), IPv6: none},
}

func TestBridgesAreWrittenAsExpected(t *testing.T) {
	for name, b := range bridges {
		cards := two
		if len(b.Ports) == 0 {
			cards = two[1:]
		}
		files, err := b.Files(cards)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got strings.Builder
		for _, w := range files {
			f := w.(host.File)
			fmt.Fprintf(&got, "-- %s --\n%s", strings.TrimPrefix(f.Path, Dir+"/"), f.Content)
		}
		golden(t, filepath.Join("testdata", name), got.String())
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
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

// A guest's own VLAN needs its way through the cards; an untagged frame from outside must not land in the machine's.
func TestCardsCarryEveryVLANAndNothingUntagged(t *testing.T) {
	for name, want := range map[string]bool{"two-ports-vlan": true, "static-by-mac": false} {
		files, err := bridges[name].Files(two)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range files[2:] {
			if f := w.(host.File); strings.HasSuffix(f.Content, "\n[BridgeVLAN]\nVLAN=1-4094\nPVID=no\n") != want {
				t.Errorf("%s: %s:\n%s", name, f.Path, f.Content)
			}
		}
		if netdev := files[0].(host.File).Content; strings.Contains(netdev, "VLANFiltering=yes\nDefaultPVID=30\n") != want {
			t.Errorf("%s:\n%s", name, netdev)
		}
	}
}

func TestACardThatIsNotThereOrNotClearIsAnError(t *testing.T) {
	for _, c := range []struct {
		ports []Port
		cards []Card
		want  string
	}{
		{nil, two, "choose a card for br0: name one in network.ports; this machine has enp1s0 (52:54:00:00:00:01), enp2s0 (52:54:00:00:00:02)"},
		{nil, two[2:], "choose a card for br0: name one in network.ports; this machine has no wired network card"},
		{[]Port{{Name: "eth0"}}, two[:1], "find the card eth0 for br0: this machine has enp1s0 (52:54:00:00:00:01)"},
		{[]Port{{MAC: "52:54:00:00:00:09"}}, two[:1], "find the card 52:54:00:00:00:09 for br0: this machine has enp1s0 (52:54:00:00:00:01)"},
	} {
		if _, err := (Bridge{Ports: c.ports, IPv4: dhcp, IPv6: auto}).Files(c.cards); err == nil || err.Error() != c.want {
			t.Errorf("%v: got %v, want %s", c.ports, err, c.want)
		}
	}
}

const sys = `
-- sys/class/net/enp1s0 -> ../../devices/pci0/net/enp1s0 --
-- sys/devices/pci0/net/enp1s0/type --
1
-- sys/devices/pci0/net/enp1s0/address --
52:54:00:00:00:01
-- sys/devices/pci0/net/enp1s0/device/vendor --
-- sys/class/net/wlan0/type --
1
-- sys/class/net/wlan0/address --
52:54:00:00:00:05
-- sys/class/net/wlan0/device/vendor --
-- sys/class/net/wlan0/phy80211/name --
-- sys/class/net/enp3s0v1/type --
1
-- sys/class/net/enp3s0v1/address --
52:54:00:00:00:06
-- sys/class/net/enp3s0v1/device/physfn/vendor --
-- sys/class/net/veth0/type --
1
-- sys/class/net/veth0/address --
52:54:00:00:00:07
-- sys/class/net/br0/type --
1
-- sys/class/net/br0/address --
52:54:00:00:00:01
-- sys/class/net/br0/bridge/bridge_id --
-- sys/class/net/lo/type --
772
-- sys/class/net/lo/address --
00:00:00:00:00:00
-- sys/class/net/bonding_masters --
`

func TestCardsAreFoundAndToldApart(t *testing.T) {
	cards, err := Cards(hosttest.New(t, sys).Host)
	if err != nil {
		t.Fatal(err)
	}
	const want = "[enp1s0 (52:54:00:00:00:01) true enp3s0v1 (52:54:00:00:00:06) false veth0 (52:54:00:00:00:07) false wlan0 (52:54:00:00:00:05) false]"
	var got []any
	for _, c := range cards {
		got = append(got, c, c.Physical)
	}
	if fmt.Sprint(got) != want {
		t.Errorf("got %v", got)
	}
}

func TestFilesOfAnEarlierConfigurationGo(t *testing.T) {
	m := hosttest.New(t, sys+"-- etc/systemd/network/10-debvisor-port2.network --\nold\n-- etc/systemd/network/50-mine.network --\nmine\n")
	wants, err := (Bridge{IPv4: dhcp, IPv6: auto}).Wants(m.Host)
	if err != nil {
		t.Fatal(err)
	}
	changes, err := m.Need(wants...)
	const want = `create /etc/systemd/network/10-debvisor-br0.netdev (0644)
create /etc/systemd/network/10-debvisor-br0.network (0644)
create /etc/systemd/network/10-debvisor-port1.network (0644)
remove /etc/systemd/network/10-debvisor-port2.network
`
	if got := hosttest.Lines(changes); got != want || err != nil {
		t.Errorf("%v, got\n%s", err, got)
	}
}

func TestHostsKeepsTheLinesOfOthers(t *testing.T) {
	const own = "127.0.1.1\thv01.lab.example\thv01\n"
	for old, want := range map[string]string{
		"": "127.0.0.1\tlocalhost\n" + own + "\n::1\tlocalhost ip6-localhost ip6-loopback\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n",
		"127.0.0.1 localhost\n127.0.1.1 debian\n10.0.0.9 nas\n": "127.0.0.1 localhost\n" + own + "10.0.0.9 nas\n",
		"10.0.0.9 nas": own + "10.0.0.9 nas\n",
	} {
		got := Hosts(old, "hv01.lab.example")
		if got != want {
			t.Errorf("%q: got %q", old, got)
		}
		if again := Hosts(got, "hv01.lab.example"); again != got {
			t.Errorf("%q: again %q", old, again)
		}
	}
	if got := Hostname("hv01.lab.example"); got != "hv01" {
		t.Error(got)
	}
}
