package health

import (
	"context"
	"strings"

	"debvisor/internal/pattern"
)

var validID = pattern.Lazy(`^[0-9a-f]{32}$`)

func machineID(_ context.Context, n *Node, r *Result) error {
	id, err := n.line("/etc/machine-id")
	switch {
	case err != nil:
		return err
	case !validID().MatchString(id) || strings.Trim(id, "0") == "":
		r.fail("/etc/machine-id holds %q, not an id", id)
	default:
		r.ok("%s", id)
	}
	return nil
}
