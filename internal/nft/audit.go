package nft

import (
	"fmt"
	"time"

	"debvisor/internal/host"
)

// record notes in the node's audit log what happened to the rules with this digest.
func record(action, digest string, now time.Time) host.Change {
	return host.Append{Path: auditPath, Mode: 0o640, Line: fmt.Sprintf(`{"time":%q,"action":"firewall %s","ruleset":%q}`,
		now.UTC().Format(time.RFC3339), action, digest)}
}
