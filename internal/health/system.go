package health

import (
	"context"
	"strings"
)

func system(ctx context.Context, n *Node, r *Result) error {
	out, err := n.Run(ctx, "systemctl", "show", "--property=SystemState", "--value")
	if err != nil {
		return err
	}
	switch state := strings.TrimSpace(string(out)); state {
	case "running":
		r.ok("running")
	case "initializing", "starting":
		r.warn("still starting")
	case "degraded":
		return failedUnits(ctx, n, r)
	default:
		r.fail("the system is %s", state)
	}
	return nil
}

func failedUnits(ctx context.Context, n *Node, r *Result) error {
	out, err := n.Run(ctx, "systemctl", "list-units", "--state=failed", "--plain", "--no-legend", "--full")
	var names []string
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) > 0 {
			names = append(names, f[0])
		}
	}
	r.fail("failed: %s", strings.Join(names, ", "))
	return err
}
