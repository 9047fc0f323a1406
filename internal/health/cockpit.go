package health

import "context"

func cockpit(ctx context.Context, n *Node, r *Result) error {
	i, err := n.image()
	if err != nil {
		return err
	}
	if i.Edition != "standard" {
		r.skip("not part of the edition %s", i.Edition)
		return nil
	}
	if err := n.service(ctx, r, "cockpit.socket"); err != nil {
		return err
	}
	r.ok("on port 9090")
	return nil
}
