package installer

import (
	"fmt"
	"strings"
	"testing"

	"debvisor/config"
	"debvisor/internal/disk"
	"debvisor/internal/exit"
	"debvisor/internal/host/hosttest"
	"debvisor/internal/manifest"
)

// card is a network card of hardware in sysfs.
func card(name, mac string) string {
	dir := "sys/class/net/" + name
	return fmt.Sprintf("-- %s/type --\n1\n-- %s/address --\n%s\n-- %s/device/.keep --\n", dir, dir, mac, dir)
}

// decided is a plan for a machine with these files, the disks of the fixture and answers changed by change.
func decided(t *testing.T, files string, change func(*config.Node)) (*Plan, error) {
	t.Helper()
	m := hosttest.New(t, files)
	a := answers(t, ">=27GiB", "")
	a.Node.Storage.System.Match = disk.Match{Serial: "S3Z8NX0K1"}
	a.Node.Storage.Wipe = []string{"S3Z8NX0K1"}
	a.Node.Storage.Profile = "ceph"
	change(a.Node)
	image := &manifest.Manifest{Edition: "minimal", Profiles: config.Profiles()}
	return (&Installer{Live: m.Host}).decide(a, image, disk.Facts{Disks: fixture(t)}, true)
}

// What the first boot would stop at, with nobody able to log in, is said before the first write.
func TestAnswersThatLeaveTheNodeWithoutANetworkAreRefused(t *testing.T) {
	one, two := card("enp1s0", "52:54:00:00:00:01"), card("enp2s0", "52:54:00:00:00:02")
	const both = "this machine has enp1s0 (52:54:00:00:00:01), enp2s0 (52:54:00:00:00:02)"
	for _, c := range []struct {
		name, cards string
		ports       []config.Port
		want        string
	}{
		{"the only card", one, nil, ""},
		{"two cards, none named", one + two, nil, "choose a card for br0: name one in network.ports; " + both},
		{"two cards, one named", one + two, []config.Port{{Name: "enp2s0"}}, ""},
		{"a mistyped address", one + two, []config.Port{{MAC: "52:54:00:00:00:03"}}, "find the card 52:54:00:00:00:03 for br0: " + both},
		{"no card", card("wlan0", "52:54:00:00:00:04") + "-- sys/class/net/wlan0/wireless/.keep --\n", nil, "choose a card for br0: name one in network.ports; this machine has no wired network card"},
	} {
		p, err := decided(t, c.cards, func(n *config.Node) { n.Network.Ports = c.ports })
		if c.want == "" {
			if err != nil || p == nil {
				t.Errorf("%s: %v", c.name, err)
			}
		} else if p != nil || exit.Code(err) != exit.NoMatch || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: code %d, %v; want %q", c.name, exit.Code(err), err, c.want)
		}
	}
}
