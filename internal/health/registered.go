package health

import (
	"context"
	"errors"
	"io/fs"

	"debvisor/internal/dns"
	"debvisor/internal/host"
	"debvisor/internal/hostname"
)

// registered compares what dnsmasq answers from with the name and the addresses that the node has.
func registered(ctx context.Context, n *Node, r *Result) error {
	s, err := NameService(n.Host)
	if err != nil {
		return err
	}
	own, err := hostname.Look(ctx, n.Host, s)
	if err != nil {
		return err
	}
	changes, err := hostname.PlanFile(n.Host, own)
	if err != nil {
		return err
	}
	if len(changes) > 0 {
		r.warn("not registered as %s: see journalctl -t hostname-register", own)
	}
	if own.Why != "" {
		r.warn("registered by its local name: %s", own.Why)
	}
	r.ok("%s", own)
	return nil
}

// NameService is what the settings of the name servers, where there are any, say about the machine's own name. Settings that
// cannot be read are an error: they may name an address that is not to be registered.
func NameService(h *host.Host) (s hostname.Settings, err error) {
	server, err := dns.LoadServer(h)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	client, err := dns.LoadClient(h)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	s = hostname.Settings{Zone: client.Zone, Virtual: server.VIP, Servers: client.Servers}
	for _, at := range client.Servers {
		if at.Addr() != server.Self {
			s.Shared = append(s.Shared, at.Addr())
		}
	}
	return s, nil
}
