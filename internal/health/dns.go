package health

import (
	"context"
	"strings"
)

func nameServers(ctx context.Context, n *Node, r *Result) error {
	if err := n.service(ctx, r, "systemd-resolved.service"); err != nil {
		return err
	}
	data, err := n.ReadFile("/run/systemd/resolve/resolv.conf")
	if err != nil {
		return err
	}
	var servers []string
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == "nameserver" {
			servers = append(servers, f[1])
		}
	}
	if len(servers) == 0 {
		r.warn("no name server is known")
	}
	if !n.Exists("/etc/resolv.conf") {
		r.fail("/etc/resolv.conf is missing or leads nowhere")
	}
	r.ok("asks %s", list(servers))
	return nil
}
