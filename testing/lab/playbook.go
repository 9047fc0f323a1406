package lab

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"debvisor/internal/host"
)

// Cores are the versions of ansible-core that Playbook can run: this host's (Debian 12 has 2.14) and the control node's.
var Cores = []string{"2.14", "2.19"}

// Playbook runs ansible-playbook in the repository's directory on the lab's inventory, with the ansible-core of this host
// ("2.14") or of the control node ("2.19"), and returns all that it writes. Files in args are named from the repository's
// root; others are in Shared. A task that fails, or an unreachable node, is an error.
func (l *Lab) Playbook(ctx context.Context, core string, args ...string) (string, error) {
	return l.Ansible(ctx, core, "ansible-playbook", args...)
}

// Ansible is Playbook for another of Ansible's commands, which takes an inventory: ansible, ansible-inventory.
func (l *Lab) Ansible(ctx context.Context, core, command string, args ...string) (string, error) {
	var c host.Cmd
	var err error
	switch core {
	case Cores[0]:
		c = l.outside(command, args)
	case Cores[1]:
		c, err = l.inside(ctx, command, args)
	default:
		err = fmt.Errorf("run %s: there is no ansible-core %s here, only %s", command, core, strings.Join(Cores, " and "))
	}
	if err != nil {
		return "", err
	}
	var out strings.Builder
	var mu sync.Mutex
	c.Line = func(line string) {
		mu.Lock()
		defer mu.Unlock()
		out.WriteString(line + "\n")
	}
	_, err = host.System{}.Run(ctx, c)
	return out.String(), err
}

// outside keeps what Ansible remembers in the lab's directory: it must not be taken for another lab's.
func (l *Lab) outside(command string, args []string) host.Cmd {
	run := []string{"env", "--chdir=" + l.repo, command, "--inventory", l.Inventory()}
	return host.Cmd{Args: append(run, args...), Env: append(plain, "ANSIBLE_HOME="+filepath.Join(l.Dir, "ansible"))}
}

func (l *Lab) inside(ctx context.Context, command string, args []string) (host.Cmd, error) {
	n := l.Control()
	if n == nil {
		return host.Cmd{}, fmt.Errorf("run %s: this lab has no control node", command)
	}
	run := append([]string{"env", "--chdir=" + sourceMount}, plain...)
	run = append(run, command, "--inventory", path.Join(insideMount, inventoryFile))
	return n.command(ctx, append(run, args...))
}

// plain is output without colours.
var plain = []string{"ANSIBLE_NOCOLOR=1", "ANSIBLE_FORCE_COLOR=0"}
