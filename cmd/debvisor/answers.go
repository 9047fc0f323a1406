package main

import (
	"fmt"

	"debvisor/config"

	"github.com/spf13/cobra"
)

func answersVerb() *cobra.Command {
	return group(&cobra.Command{
		Use:     "answers",
		Short:   "what was answered when this node was installed",
		Example: "  sudo debvisor answers management",
	}, answersManagement())
}

func answersManagement() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "management",
		Short: "print the networks that may manage this node, a line each",
		Long: `Prints network.management of ` + config.AnswersPath + `, a network a line; nothing where every network may, and on a machine
without answers.`,
		Example: "  sudo debvisor answers management",
		Args:    usage(cobra.NoArgs),
	}
	h := machine(cmd)
	return withJSON(cmd, func(c *cobra.Command, _ []string, asJSON bool) error {
		networks, err := config.Management(h)
		if err != nil {
			return err
		}
		if asJSON {
			return printJSON(c.OutOrStdout(), map[string]any{"ok": true, "management": networks})
		}
		for _, n := range networks {
			if _, err := fmt.Fprintln(c.OutOrStdout(), n); err != nil {
				return err
			}
		}
		return nil
	})
}
