package health

import (
	"context"
	"path"
	"slices"
	"strings"

	"debvisor/config"
)

func networkFiles(ctx context.Context, n *Node, r *Result) error {
	if err := n.service(ctx, r, "systemd-networkd.service"); err != nil {
		return err
	}
	for _, kind := range []string{"netdev", "network"} {
		found, err := n.Glob("/etc/systemd/network/10-debvisor-*." + kind)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			r.fail("there is no /etc/systemd/network/10-debvisor-*.%s", kind)
		}
	}
	if err := n.unreadable(r); err != nil {
		return err
	}
	r.ok("systemd-networkd has its files")
	return nil
}

// unreadable: networkd runs as a user of its own and silently ignores files that it may not read.
func (n *Node) unreadable(r *Result) error {
	found, err := n.Glob("/etc/systemd/network/10-debvisor-*")
	if err != nil {
		return err
	}
	for _, name := range found {
		info, err := n.Stat(name)
		if err != nil {
			return err
		}
		if info.Mode()&0o004 == 0 {
			r.fail("%s cannot be read by systemd-networkd (%04o)", name, info.Mode().Perm())
		}
	}
	return nil
}

const net0 = "/sys/class/net"

func bridge(_ context.Context, n *Node, r *Result) error {
	if !n.Exists(net0 + "/br0/bridge") {
		r.fail("there is no bridge br0")
		return nil
	}
	state, err := n.line(net0 + "/br0/operstate")
	if err != nil {
		return err
	}
	if state != "up" && state != "unknown" {
		r.fail("br0 is %s", state)
	}
	entries, err := n.ReadDir(net0 + "/br0/brif")
	if err != nil {
		return err
	}
	var members []string
	for _, e := range entries {
		members = append(members, e.Name())
	}
	n.wanted(r, members)
	r.ok("br0 is up over %s", list(members))
	return nil
}

// wanted adds the cards that should be in br0 and are not. Where the answers name none, br0 is over the machine's card:
// a member that is a device, not a guest's.
func (n *Node) wanted(r *Result, members []string) {
	want, err := n.answers()
	if err != nil {
		return // the cards are only known to who may read the answers
	}
	for _, p := range want.Network.Ports {
		if !slices.ContainsFunc(members, func(name string) bool { return n.isPort(name, p) }) {
			r.fail("%s is not in br0", p.Name+strings.ToLower(p.MAC))
		}
	}
	card := func(name string) bool { return n.Exists(path.Join(net0, name, "device")) }
	if len(want.Network.Ports) == 0 && !slices.ContainsFunc(members, card) {
		r.fail("no network card is in br0")
	}
}

func (n *Node) isPort(name string, p config.Port) bool {
	if p.Name != "" {
		return name == p.Name
	}
	mac, err := n.line(path.Join(net0, name, "address"))
	return err == nil && strings.EqualFold(mac, p.MAC)
}
