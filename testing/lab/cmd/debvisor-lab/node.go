package main

import (
	"context"
	"os"

	"debvisor/internal/exit"
	"debvisor/testing/lab"

	"github.com/spf13/cobra"
)

// nodeCommands do something to one node.
func nodeCommands() []*cobra.Command {
	return []*cobra.Command{
		nodeCommand(cobra.Command{Use: "cut NODE", Short: "Unplug a node's network cable", Example: "  debvisor-lab cut node2"}, (*lab.Node).Cut),
		nodeCommand(cobra.Command{Use: "restore NODE", Short: "Plug a node's network cable in again", Example: "  debvisor-lab restore node2"}, (*lab.Node).Restore),
		nodeCommand(cobra.Command{Use: "kill NODE", Short: "Cut a node's power", Example: "  debvisor-lab kill node2"}, (*lab.Node).Kill),
		nodeCommand(cobra.Command{Use: "boot NODE", Short: "Start a node whose power was cut", Example: "  debvisor-lab boot node2"}, (*lab.Node).Boot),
	}
}

func nodeCommand(c cobra.Command, do func(*lab.Node, context.Context) error) *cobra.Command {
	c.Args = exactly("NODE")
	c.RunE = func(c *cobra.Command, args []string) error {
		l, err := open(c)
		if err != nil {
			return err
		}
		n, err := l.Named(args[0])
		if err != nil {
			return exit.With(exit.Usage, err)
		}
		return do(n, c.Context())
	}
	return &c
}

// processCommands are the processes of a lab.
func processCommands() []*cobra.Command {
	var owner int
	guard := &cobra.Command{Use: "guard DIR", Hidden: true, Args: exactly("DIR"), RunE: func(c *cobra.Command, args []string) error {
		return lab.Guard(c.Context(), args[0], os.Stdin, owner)
	}}
	guard.Flags().IntVar(&owner, "owner", 0, "process with which the lab ends")
	return []*cobra.Command{
		guard,
		{Use: "supervise DIR", Hidden: true, Args: exactly("DIR"), RunE: func(c *cobra.Command, args []string) error {
			return lab.Supervise(c.Context(), args[0])
		}},
		{Use: "derive", Hidden: true, Args: exactly(), RunE: func(c *cobra.Command, _ []string) error {
			return lab.Derive(c.Context(), os.Stdin)
		}},
	}
}
