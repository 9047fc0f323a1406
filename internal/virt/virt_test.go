package virt

import (
	"testing"

	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
)

// answers gives the lists of pools and of networks: defined, active, started with libvirt.
func answers(m *hosttest.Machine, pools, nets [3]string) {
	for kind, lists := range map[string][3]string{"pool": pools, "net": nets} {
		line := "virsh --quiet --connect qemu:///system " + kind + "-list --name"
		m.Runner.Answer(line+" --all", lists[0])
		m.Runner.Answer(line, lists[1])
		m.Runner.Answer(line+" --all --autostart", lists[2])
	}
}

func TestLibvirtLearnsWhatItLacks(t *testing.T) {
	const virsh = "run virsh --quiet --connect qemu:///system "
	for _, c := range []struct {
		name        string
		pools, nets [3]string
		want        string
	}{
		{"nothing", [3]string{}, [3]string{"default\n", "", ""}, virsh + "pool-define /dev/stdin\n" + virsh + "pool-autostart default\n" + virsh + "pool-start default\n" +
			virsh + "net-define /dev/stdin\n" + virsh + "net-autostart br0\n" + virsh + "net-start br0\n"},
		{"defined, and NAT on", [3]string{"default\n", "default\n", ""}, [3]string{"br0\ndefault\n", "default\n", "default\n"},
			virsh + "pool-autostart default\n" + virsh + "net-autostart br0\n" + virsh + "net-start br0\n" + virsh + "net-autostart --disable default\n"},
		{"everything", [3]string{"default\nmine\n", "default\n", "default\n"}, [3]string{"br0\ndefault\n", "br0\n", "br0\n"}, ""},
	} {
		m := hosttest.New(t, "-- var/lib/libvirt/images/ --\n")
		answers(m, c.pools, c.nets)
		changes, err := Plan(t.Context(), m.Host)
		if got := hosttest.Lines(changes); got != c.want || err != nil {
			t.Errorf("%s: %v, got\n%s", c.name, err, got)
		}
	}
}

func TestTheDirectoryOfThePoolIsThere(t *testing.T) {
	m := hosttest.New(t, "")
	answers(m, [3]string{"default", "default", "default"}, [3]string{"br0", "br0", "br0"})
	changes, err := Plan(t.Context(), m.Host)
	if len(changes) != 1 || err != nil || changes[0] != (host.Change)(host.Mkdir{Path: Images, Mode: 0o711}) {
		t.Errorf("%v, %v", changes, err)
	}
}
