package health

import (
	"context"

	"debvisor/config"
)

func answers(_ context.Context, n *Node, r *Result) error {
	data, err := n.ReadFile(config.AnswersPath)
	if err != nil {
		return err
	}
	node, err := config.ParseNode(config.AnswersPath, data)
	if err != nil {
		return err
	}
	r.ok("for %s", node.Host.FQDN)
	return nil
}
