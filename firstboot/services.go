package firstboot

import (
	"context"

	"debvisor/internal/host"
	"debvisor/internal/profile"
	"debvisor/internal/tsig"
	"debvisor/internal/unit"
	"debvisor/internal/virt"
)

func (n node) tsigKeys(ctx context.Context) ([]host.Change, error) { return tsig.PlanKeys(ctx, n.Host) }

func virtInstalled(h *host.Host) bool { return virt.Installed(h) }

func (n node) libvirt(ctx context.Context) ([]host.Change, error) {
	if !virtInstalled(n.Host) {
		return nil, nil
	}
	return virt.Plan(ctx, n.Host)
}

const cockpitSocket = "cockpit.socket"

func cockpitInstalled(h *host.Host) bool { return h.Exists("/usr/lib/systemd/system/" + cockpitSocket) }

// cockpit listens, but the firewall keeps it closed until the operator opens its port.
func (n node) cockpit(ctx context.Context) ([]host.Change, error) {
	if !cockpitInstalled(n.Host) {
		return nil, nil
	}
	config, err := n.Need(host.File{Path: "/etc/cockpit/cockpit.conf", Mode: 0o644,
		Content: "# Written by DebVisor.\n[WebService]\nLoginTo=false\nAllowUnencrypted=false\n\n[Session]\nIdleTimeout=15\n"})
	if err != nil {
		return nil, err
	}
	start, err := unit.Started(ctx, n.Host, cockpitSocket)
	return append(config, start...), err
}

// placeholders are directories that the documents name and later parts fill; the image says in each what it is for.
func (n node) placeholders(context.Context) ([]host.Change, error) {
	return n.Need(
		host.Dir{Path: "/etc/debvisor", Mode: 0o755},
		host.Dir{Path: "/opt/debvisor-rpc", Mode: 0o755},
		host.Dir{Path: "/opt/debvisor/panel", Mode: 0o755})
}

func (n node) summary(context.Context) ([]host.Change, error) {
	return profile.PlanSummary(n.Host, n.now())
}

// finish keeps the next boot from running this again. It comes last: until everything else is done, each boot tries.
func (n node) finish(ctx context.Context) ([]host.Change, error) {
	return unit.Disabled(ctx, n.Host, Unit)
}
