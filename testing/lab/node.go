package lab

import (
	"context"
	"fmt"
	"os"
	"strconv"

	"debvisor/internal/host"
)

// Node is a node of a lab.
type Node struct {
	Name, IPv4, IPv6 string
	lab              *Lab
}

// nodeNamespaces are those that a node has for itself.
var nodeNamespaces = []string{"--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"}

// labNamespaces are those of the supervisor that matter to whoever looks in: its network, and its processes, so that
// what was started ends with the lab.
var labNamespaces = []string{"--mount", "--net", "--pid"}

// nsenter is the beginning of a command that runs in a process's namespaces.
func nsenter(pid int, namespaces ...string) []string {
	return append(append([]string{"nsenter", "--target", strconv.Itoa(pid)}, namespaces...), "--")
}

// Exec runs a command as root in the node and returns what it writes to standard output; what it writes to standard error
// is in the error. It needs no network: it works on a node whose link is cut.
func (n *Node) Exec(ctx context.Context, args ...string) (string, error) {
	return n.ExecInput(ctx, "", args...)
}

// ExecInput is Exec with something to read.
func (n *Node) ExecInput(ctx context.Context, stdin string, args ...string) (string, error) {
	c, err := n.command(ctx, args)
	if err != nil {
		return "", err
	}
	c.Stdin = stdin
	out, err := host.System{}.Run(ctx, c)
	return string(out), err
}

// Attach runs a command in the node with this program's own input and output, and returns how it ended.
func (n *Node) Attach(ctx context.Context, s host.Streams, args ...string) error {
	c, err := n.command(ctx, args)
	if err != nil {
		return err
	}
	p, err := host.Start(ctx, c, s)
	if err != nil {
		return err
	}
	return p.Wait()
}

// command enters the lab and then the node, whose process ids only the lab knows.
func (n *Node) command(ctx context.Context, args []string) (host.Cmd, error) {
	a, err := n.lab.ask(ctx, request{Verb: "status"})
	if err != nil {
		return host.Cmd{}, err
	}
	for _, s := range a.Nodes {
		if s.Name == n.Name && s.Pid != 0 {
			in := append(nsenter(a.pid, labNamespaces...), nsenter(s.Pid, nodeNamespaces...)...)
			return host.Cmd{Args: append(append(in, environment()...), args...)}, nil
		}
	}
	return host.Cmd{}, fmt.Errorf("run a command on %s: it does not run", n.Name)
}

// environment is a login's, without anything of the caller's but the kind of terminal.
func environment() []string {
	return []string{"env", "--ignore-environment", "--chdir=/root", "HOME=/root", "USER=root", "LOGNAME=root", "SHELL=/bin/bash", "LANG=C.UTF-8",
		"TERM=" + os.Getenv("TERM"), "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
}

// Cut unplugs the node's cable; Restore plugs it in again. Both return when the kernel has done it; connections notice
// in their own time.
func (n *Node) Cut(ctx context.Context) error { return n.tell(ctx, "cut") }

// Restore plugs the cable in again.
func (n *Node) Restore(ctx context.Context) error { return n.tell(ctx, "restore") }

// Kill cuts the node's power. What it wrote stays; its processes get to know nothing.
func (n *Node) Kill(ctx context.Context) error { return n.tell(ctx, "kill") }

// Boot starts a node that does not run and returns when it is up.
func (n *Node) Boot(ctx context.Context) error { return n.tell(ctx, "boot") }

func (n *Node) tell(ctx context.Context, verb string) error {
	_, err := n.lab.ask(ctx, request{Verb: verb, Node: n.Name})
	return err
}
