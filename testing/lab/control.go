package lab

import "context"

// ControlTrees are the trees of a control node, the topmost first, to be mounted over each other by a test that needs its
// Ansible and no node. They are shared and must not be written to. What this system lacks is ErrCannot.
func ControlTrees(ctx context.Context) ([]string, error) {
	p, err := prepare(ctx, Options{Control: true})
	return p.control, err
}
