package health

import (
	"context"
	"strings"
)

const virshURI = "qemu:///system"

func libvirt(ctx context.Context, n *Node, r *Result) error {
	out, err := n.Run(ctx, "virsh", "-q", "-c", virshURI, "list", "--name")
	if err != nil {
		return err
	}
	r.ok("answers; guests running: %d", len(strings.Fields(string(out))))
	return nil
}

func pool(ctx context.Context, n *Node, r *Result) error {
	return n.virtual(ctx, r, "pool-info", "default", "State", "running")
}

func guestNetwork(ctx context.Context, n *Node, r *Result) error {
	if err := n.virtual(ctx, r, "net-info", "br0", "Active", "yes"); err != nil {
		return err
	}
	out, err := n.Run(ctx, "virsh", "-q", "-c", virshURI, "net-list", "--autostart", "--name")
	for _, name := range strings.Fields(string(out)) {
		if name == "default" {
			r.warn("libvirt's own network default (NAT) starts by itself")
		}
	}
	return err
}

// virtual looks at one of libvirt's objects: it must be in the wanted state, and start by itself.
func (n *Node) virtual(ctx context.Context, r *Result, verb, name, property, wanted string) error {
	out, err := n.Run(ctx, "virsh", "-q", "-c", virshURI, verb, name)
	if err != nil {
		return err
	}
	got := properties(string(out), ":")
	if got[property] != wanted {
		r.fail("%s: %s is %q, not %s", name, strings.ToLower(property), got[property], wanted)
	}
	if got["Autostart"] != "yes" {
		r.fail("%s does not start by itself", name)
	}
	r.ok("%s: %s %s, starts by itself", name, strings.ToLower(property), wanted)
	return nil
}

// kvm only looks whether the device is there: to open it may block.
func kvm(_ context.Context, n *Node, r *Result) error {
	if !n.Exists("/dev/kvm") {
		r.warn("there is no /dev/kvm: guests are emulated; turn on virtualisation in the firmware")
	}
	r.ok("/dev/kvm")
	return nil
}
