package health

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"debvisor/internal/pattern"
)

// listener is a socket that waits for the network.
type listener struct {
	protocol, address, process string
	port                       int
}

func ports(ctx context.Context, n *Node, r *Result) error {
	out, err := n.Run(ctx, "ss", "-Hlntup")
	if err != nil {
		return err
	}
	rs, err := n.kernelRules(ctx)
	closed := err == nil && rs.policy("input") == "drop"
	if closed && !open(rs.opened(), "tcp", 22) {
		r.fail("the firewall lets no SSH in")
	}
	var reachable, behind []string
	for _, l := range listeners(string(out)) {
		switch {
		case l.loopback():
		case closed && !open(rs.opened(), l.protocol, l.port):
			behind = append(behind, l.String())
		default:
			reachable = append(reachable, l.String())
		}
	}
	if !closed {
		r.fail("without a firewall these are open to everybody: %s", list(reachable))
	}
	r.ok("open: %s; closed by the firewall: %s", list(reachable), list(behind))
	return nil
}

func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}

var processName = pattern.Lazy(`users:\(\("([^"]*)"`)

// listeners reads the lines of ss: protocol, state, two queues, local address and port, peer, processes.
func listeners(text string) []listener {
	var all []listener
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 6 {
			continue
		}
		colon := strings.LastIndex(f[4], ":")
		port, err := strconv.Atoi(f[4][colon+1:])
		if err != nil {
			continue
		}
		l := listener{protocol: f[0], address: f[4][:max(0, colon)], port: port}
		if m := processName().FindStringSubmatch(line); m != nil {
			l.process = m[1]
		}
		all = append(all, l)
	}
	return all
}

func (l listener) loopback() bool {
	host, zone, _ := strings.Cut(strings.Trim(l.address, "[]"), "%")
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return zone == "lo" || err == nil && a.IsLoopback()
}

func (l listener) String() string {
	if l.process == "" {
		return fmt.Sprintf("%d/%s", l.port, l.protocol)
	}
	return fmt.Sprintf("%d/%s (%s)", l.port, l.protocol, l.process)
}
