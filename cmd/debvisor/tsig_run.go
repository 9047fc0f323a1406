package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"debvisor/internal/dns/rotation"
	"debvisor/internal/host"
	"debvisor/internal/names"

	"github.com/spf13/cobra"
)

// What a rotation is run with on a node.
const (
	ansiblePlaybook = "/usr/bin/ansible-playbook"
	rotatePlaybook  = "/usr/share/ansible/collections/ansible_collections/debvisor/core/playbooks/rotate-tsig-ha.yml"
	fleetInventory  = "/etc/debvisor/ansible/inventory.yml"
	nodeInventory   = "/usr/share/debvisor/ansible/inventory.yml" // this node alone
	ansibleConfig   = "/usr/share/debvisor/ansible/ansible.cfg"   // instead of any other, of the caller's directory above all
)

func tsigRun() *cobra.Command {
	force := false
	cmd := &cobra.Command{
		Use:   "run",
		Short: "rotate the keys with the playbook of this node",
		Long: `Runs the playbook rotate-tsig-ha.yml as ` + rotation.Runner + `, on the machines of ` + fleetInventory + `, or on this node alone where
that file is missing and its keys are nobody else's. Where there is nothing to rotate from here, or no Ansible or playbook, it
says so, and the exit code is 0; it is 4 while another rotation is under way. tsig-rotate.service runs this each day, and the
playbook makes new keys when those in use are 25 days old.`,
		Example: "  sudo systemctl start tsig-rotate.service\n  sudo run-tsig-rotation.sh --force",
		Args:    usage(cobra.NoArgs),
	}
	cmd.Flags().BoolVar(&force, "force", false, "make a new generation whatever the age")
	return withJSON(cmd, func(c *cobra.Command, _ []string, asJSON bool) error {
		h := host.New()
		why, err := notHere(c.Context(), h)
		if err != nil {
			return err
		}
		if why != "" {
			words := "the keys are not rotated: " + why
			return say(c, asJSON, map[string]any{"ran": false, "why": words}, words)
		}
		line := func(text string) { fmt.Fprintln(c.ErrOrStderr(), text) }
		if err := rotate(c.Context(), h, force, line); err != nil {
			return refused(err)
		}
		return say(c, asJSON, map[string]any{"ran": true}, "")
	})
}

// notHere is why a rotation is not this node's business, or "".
func notHere(ctx context.Context, h *host.Host) (string, error) {
	for _, needed := range []string{ansiblePlaybook, rotatePlaybook} {
		if !h.Exists(needed) {
			return "this node has no " + needed, nil
		}
	}
	if h.Exists(fleetInventory) {
		return "", nil
	}
	f, err := ownFacts(ctx, h)
	if err != nil {
		return "", err
	}
	if why := f.NotAlone(); why != "" {
		return why + ", and there is no " + fleetInventory + ", which says whose keys are rotated from here", nil
	}
	return "", nil
}

// ownFacts are this machine's. Who is not root is told them by the step of that name.
func ownFacts(ctx context.Context, h *host.Host) (rotation.Facts, error) {
	if os.Geteuid() == 0 {
		return machineOf(h).Facts()
	}
	var said struct{ Machine rotation.Facts }
	out, err := h.Run(ctx, "sudo", "-n", names.Debvisor, "tsig", "facts", "--json")
	if err == nil {
		err = json.Unmarshal(out, &said)
	}
	return said.Machine, err
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
	cmd := host.Cmd{Args: args, Dir: "/", Env: []string{"HOME=" + rotation.RunnerHome, "ANSIBLE_NOCOLOR=1", "ANSIBLE_CONFIG=" + ansibleConfig}}
	held := false
	cmd.Line = func(text string) {
		held = held || strings.Contains(text, rotation.ErrLease.Error())
		line(text)
	}
	_, err := h.Runner.Run(ctx, cmd)
	if err != nil && held {
		return rotation.ErrLease // what it said has told all about it
	}
	return err
}
