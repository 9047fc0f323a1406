package nft

import (
	"context"
	"fmt"
	"time"

	"debvisor/internal/host"
	"debvisor/internal/names"
)

const auditPath = names.AuditLog

// audit notes in the node's audit log what has just happened to the rules with this digest.
func audit(h *host.Host, action, digest string) host.Change {
	return host.Call{Why: fmt.Sprintf("record in %s: firewall %s", auditPath, action), Do: func(ctx context.Context) error {
		line := fmt.Sprintf(`{"time":%q,"action":"firewall %s","ruleset":%q}`, time.Now().UTC().Format(time.RFC3339), action, digest)
		return h.Apply(ctx, []host.Change{host.Append{Path: auditPath, Mode: 0o640, Line: line}})
	}}
}
