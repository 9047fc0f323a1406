package health

import (
	"context"
	"errors"
	"io/fs"
)

// Bridged packets pass the forward chain only where br_netfilter is loaded, which containers and libvirt do.
func forwarding(ctx context.Context, n *Node, r *Result) error {
	filtered, err := n.line("/proc/sys/net/bridge/bridge-nf-call-iptables")
	if errors.Is(err, fs.ErrNotExist) {
		filtered, err = "0", nil
	}
	if err != nil {
		return err
	}
	rs, err := n.kernelRules(ctx)
	if err != nil {
		r.skip("no rules to look at: see firewall")
		return nil
	}
	switch {
	case rs.bridges("br0"):
		r.ok("the firewall lets packets pass within br0")
	case filtered != "0":
		r.fail("br_netfilter is on and the firewall drops packets between guests on br0")
	default:
		r.warn("no rule lets packets pass within br0: guests are cut off once br_netfilter is loaded")
	}
	return nil
}

// bridges reports whether a rule at the hook forward accepts what comes in and goes out by device.
func (rs ruleset) bridges(device string) bool {
	for _, r := range rs.rules {
		if rs.hook(r.Chain) != "forward" || !r.has("accept") {
			continue
		}
		in, out := false, false
		for _, m := range r.matches() {
			same := m.Op == "==" && string(m.Right) == `"`+device+`"`
			in = in || same && m.Left.Meta.Key == "iifname"
			out = out || same && m.Left.Meta.Key == "oifname"
		}
		if in && out {
			return true
		}
	}
	return false
}
