package firstboot

import (
	"context"
	"fmt"

	"debvisor/internal/host"
	"debvisor/internal/pattern"
)

// sitePlaybook is what Ansible applies to every node; the image brings it with the collection.
const sitePlaybook = "/usr/share/ansible/collections/ansible_collections/debvisor/core/playbooks/site.yml"

const ansiblePlaybook = "/usr/bin/ansible-playbook"

func ansibleInstalled(h *host.Host) bool { return h.Exists(ansiblePlaybook) && h.Exists(sitePlaybook) }

// site applies the fleet's playbook to this node alone, with what the roles do by default: a node is then what a run from a
// control host with an empty inventory would make of it. Whether anything is missing says the playbook's own check mode.
func (n node) site(ctx context.Context) ([]host.Change, error) {
	if !ansibleInstalled(n.Host) {
		return nil, nil
	}
	out, err := n.Runner.Run(ctx, siteCmd("--check"))
	if err != nil {
		return nil, err
	}
	recap := siteRecap().FindSubmatch(out)
	switch {
	case recap == nil:
		return nil, fmt.Errorf("read what %s printed: it does not say how many tasks changed something", siteCmd("--check"))
	case string(recap[1]) == "0":
		return nil, nil
	}
	return []host.Change{host.Exec{Cmd: siteCmd(), Why: fmt.Sprintf("apply the playbook site.yml, of which %s tasks have something to do", recap[1])}}, nil
}

// siteRecap is the line with which ansible-playbook ends.
var siteRecap = pattern.Lazy(`(?m)^localhost +: ok=\d+ +changed=(\d+) `)

func siteCmd(options ...string) host.Cmd {
	args := append([]string{ansiblePlaybook, "--inventory", "localhost,", "--connection", "local"}, options...)
	return host.Cmd{Args: append(args, sitePlaybook), Env: []string{"HOME=/root", "ANSIBLE_NOCOLOR=1"}} // the unit has no home
}
