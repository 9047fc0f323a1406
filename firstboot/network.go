package firstboot

import (
	"context"

	"debvisor/config"
	"debvisor/internal/host"
	"debvisor/internal/netcfg"
	"debvisor/internal/nft"
	"debvisor/internal/unit"
)

// bridge waits for br0 to exist, not for an address: a cable can be missing.
func (n node) bridge(ctx context.Context) ([]host.Change, error) {
	changes, err := n.networkServices(ctx)
	if err != nil {
		return nil, err
	}
	wants, err := bridgeOf(n.answers.Network).Wants(n.Host)
	if err != nil {
		return nil, err
	}
	reload := []host.Change{
		host.Exec{Cmd: host.Cmd{Args: []string{"networkctl", "reload"}}},
		host.Exec{Cmd: host.Cmd{Args: []string{"udevadm", "wait", "--initialized=no", "--timeout=20", "/sys/class/net/br0"}}},
	}
	files, err := n.applied("network", wants, reload...)
	if err != nil || len(files) > 0 {
		return append(changes, files...), err
	}
	if !n.Exists("/sys/class/net/br0") {
		changes = append(changes, reload...)
	}
	return changes, nil
}

func (n node) networkServices(ctx context.Context) ([]host.Change, error) {
	var changes []host.Change
	for _, name := range []string{"systemd-networkd.service", "systemd-resolved.service"} {
		c, err := unit.Started(ctx, n.Host, name)
		if err != nil {
			return nil, err
		}
		changes = append(changes, c...)
	}
	resolv, err := n.Need(host.Symlink{Path: "/etc/resolv.conf", Target: "../run/systemd/resolve/stub-resolv.conf"})
	return append(changes, resolv...), err
}

func bridgeOf(a config.Network) netcfg.Bridge {
	b := netcfg.Bridge{
		VLAN: a.VLAN, IPv4: netcfg.Address(a.IPv4), IPv6: netcfg.Address(a.IPv6), DNS: a.DNS, Search: a.Search,
	}
	for _, p := range a.Ports {
		b.Ports = append(b.Ports, netcfg.Port(p))
	}
	return b
}

func (n node) firewall(ctx context.Context) ([]host.Change, error) {
	management, err := n.answers.Network.ManagementNetworks()
	if err != nil {
		return nil, err
	}
	changes, err := nft.Plan(ctx, n.Host, nft.Config{Management: management})
	if err != nil {
		return nil, err
	}
	start, err := unit.Started(ctx, n.Host, "nftables.service")
	return append(changes, start...), err
}
