package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"debvisor/internal/exit"
	"debvisor/internal/host"
	"debvisor/testing/lab"

	"github.com/spf13/cobra"
)

func dirOf(c *cobra.Command) string {
	return c.Flag("dir").Value.String()
}

func open(c *cobra.Command) (*lab.Lab, error) { return lab.Open(dirOf(c)) }

func upCommand() *cobra.Command {
	o := lab.Options{Progress: os.Stderr}
	c := &cobra.Command{
		Use:   "up",
		Short: "Start a lab and keep it until Ctrl-C, or with --detach until \"down\"",
		Example: `  debvisor-lab up --nodes 3 --control
  debvisor-lab up --detach --packages acl,keepalived`,
		Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			o.Dir = dirOf(c)
			l, err := lab.Start(c.Context(), o)
			if err != nil {
				return err
			}
			tell(c.OutOrStdout(), l, o.Detach)
			if o.Detach {
				return nil
			}
			select {
			case <-c.Context().Done():
				fmt.Fprintln(c.ErrOrStderr(), "ending the lab")
			case <-l.Ended():
			}
			return l.Close()
		},
	}
	c.Flags().IntVar(&o.Nodes, "nodes", 3, "how many nodes")
	c.Flags().BoolVar(&o.Control, "control", false, "also a control node with ansible-core 2.19")
	c.Flags().StringSliceVar(&o.Packages, "packages", nil, "Debian packages that the nodes are to have, with commas between")
	c.Flags().BoolVar(&o.Detach, "detach", false, "return when the nodes are up; the lab stays until \"down\"")
	c.Flags().IntVar(&o.Owner, "owner", 0, "number of a process with which the lab ends, also when it is detached")
	return c
}

func tell(w io.Writer, l *lab.Lab, detached bool) {
	for _, n := range l.All() {
		fmt.Fprintf(w, "%-8s %-12s %s\n", n.Name, n.IPv4, n.IPv6)
	}
	flag := ""
	if l.Dir != defaultDir {
		flag = " --dir " + l.Dir
	}
	fmt.Fprintf(w, "shell:   debvisor-lab exec%s node1 -- bash\n", flag)
	fmt.Fprintf(w, "ssh:     ssh -F %s/ssh_config node1 (root, %s with sudo, %s)\n", l.Dir, lab.Admin, lab.Other)
	fmt.Fprintf(w, "ansible: ansible-playbook -i %s playbooks/site.yml\n", l.Inventory())
	if detached {
		fmt.Fprintf(w, "end:     debvisor-lab down%s\n", flag)
		return
	}
	fmt.Fprintln(w, "Ctrl-C ends the lab")
}

func downCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "down",
		Short:   "End a lab, or clear away what is left of one; nothing of it remains",
		Example: `  debvisor-lab down`,
		Args:    exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			l, err := open(c)
			if err == nil {
				return l.Close()
			}
			if _, there := os.Stat(dirOf(c)); there != nil {
				return err
			}
			return lab.Clear(dirOf(c))
		},
	}
}

func execCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "exec NODE -- COMMAND...",
		Short: "Run a command as root in a node, or with NODE \"-\" in the lab's network",
		Example: `  debvisor-lab exec node1 -- journalctl -b
  debvisor-lab exec - -- ping -c1 10.99.0.11`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usage(errors.New("want a node and a command"), c)
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			l, err := open(c)
			if err != nil {
				return err
			}
			return ended(attach(c, l, args[0], args[1:]))
		},
	}
}

func attach(c *cobra.Command, l *lab.Lab, node string, args []string) error {
	s := host.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}
	if node != "-" {
		n, err := l.Named(node)
		if err != nil {
			return exit.With(exit.Usage, err)
		}
		return n.Attach(c.Context(), s, args...)
	}
	p, err := l.Begin(c.Context(), s, args...)
	if err != nil {
		return err
	}
	return p.Wait()
}

func ended(err error) error {
	if code := host.ExitCode(err); code > 0 {
		return toldError{code}
	}
	return err
}

func inventoryCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "inventory",
		Short:   "Print the name of the inventory for ansible-playbook on this host",
		Example: `  ansible -i "$(debvisor-lab inventory)" all -m ping`,
		Args:    exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			l, err := open(c)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), l.Inventory())
			return err
		},
	}
}

func dialCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "dial ADDRESS PORT",
		Short:   "Connect to a port in the lab and copy standard input and output, as ssh's ProxyCommand",
		Example: `  ssh -o ProxyCommand="debvisor-lab dial %h %p" root@10.99.0.11`,
		Args:    exactly("ADDRESS", "PORT"),
		RunE: func(c *cobra.Command, args []string) error {
			l, err := open(c)
			if err != nil {
				return err
			}
			return l.Forward(c.Context(), net.JoinHostPort(args[0], args[1]), os.Stdin, os.Stdout)
		},
	}
}
