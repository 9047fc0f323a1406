package health

import (
	"context"
	"path"
	"strings"
)

func hostKeys(_ context.Context, n *Node, r *Result) error {
	found, err := n.Glob("/etc/ssh/ssh_host_*_key")
	if err != nil {
		return err
	}
	var kinds []string
	for _, name := range found {
		if err := n.guarded(r, name, 0o600, ""); err != nil {
			return err
		}
		if !n.Exists(name + ".pub") {
			r.fail("%s.pub is missing", name)
		}
		kinds = append(kinds, strings.TrimSuffix(strings.TrimPrefix(path.Base(name), "ssh_host_"), "_key"))
	}
	if len(found) == 0 {
		r.fail("there is no host key in /etc/ssh")
	}
	r.ok("%s", strings.Join(kinds, ", "))
	return nil
}
