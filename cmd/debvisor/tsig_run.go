package main

import (
	"context"
	"fmt"
	"os"

	"debvisor/internal/dns/rotation"
	"debvisor/internal/host"

	"github.com/spf13/cobra"
)

// What a rotation is run with on a node.
const (
	ansiblePlaybook = "/usr/bin/ansible-playbook"
	rotatePlaybook  = "/usr/share/ansible/collections/ansible_collections/debvisor/core/playbooks/rotate-tsig-ha.yml"
	fleetInventory  = "/etc/debvisor/ansible/inventory.yml"
	nodeInventory   = "/usr/share/debvisor/ansible/inventory.yml" // this node alone
)

func tsigRun() *cobra.Command {
	force := false
	cmd := &cobra.Command{
		Use:   "run",
		Short: "rotate the keys with the playbook of this node",
		Long: `Runs the playbook rotate-tsig-ha.yml as ` + rotation.Runner + `, on the machines of ` + fleetInventory + `, or on this node alone where
that file is missing. Where there is no Ansible or no playbook it says so, and the exit code is 0. tsig-rotate.service runs
this each month.`,
		Example: "  sudo systemctl start tsig-rotate.service\n  sudo run-tsig-rotation.sh --force",
		Args:    usage(cobra.NoArgs),
	}
	cmd.Flags().BoolVar(&force, "force", false, "make a new generation whatever the age")
	return withJSON(cmd, func(c *cobra.Command, _ []string, asJSON bool) error {
		h := host.New()
		for _, needed := range []string{ansiblePlaybook, rotatePlaybook} {
			if !h.Exists(needed) {
				words := fmt.Sprintf("the keys are not rotated: this node has no %s", needed)
				return say(c, asJSON, map[string]any{"ran": false, "why": words}, words)
			}
		}
		line := func(text string) { fmt.Fprintln(c.ErrOrStderr(), text) }
		if err := rotate(c.Context(), h, force, line); err != nil {
			return err
		}
		return say(c, asJSON, map[string]any{"ran": true}, "")
	})
}

// rotate runs the playbook as its own account, whoever calls.
func rotate(ctx context.Context, h *host.Host, force bool, line func(string)) error {
	inventory := nodeInventory
	if h.Exists(fleetInventory) {
		inventory = fleetInventory
	}
	args := []string{ansiblePlaybook, "--inventory", inventory, rotatePlaybook}
	if force {
		args = append(args, "--extra-vars", "tsig_force=true")
	}
	if os.Geteuid() == 0 {
		home, err := rotation.PlanRunnerHome(h)
		if err == nil {
			err = h.Apply(ctx, home)
		}
		if err != nil {
			return err
		}
		args = append([]string{"runuser", "--user", rotation.Runner, "--"}, args...)
	}
	env := []string{"HOME=" + rotation.RunnerHome, "ANSIBLE_NOCOLOR=1"}
	_, err := h.Runner.Run(ctx, host.Cmd{Args: args, Env: env, Line: line})
	return err
}
