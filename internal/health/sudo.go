package health

import "context"

func sudo(ctx context.Context, n *Node, r *Result) error {
	if _, err := n.Run(ctx, "visudo", "-c"); err != nil {
		return err
	}
	r.ok("its files are valid")
	return nil
}
