package main

import (
	"fmt"
	"os"

	"debvisor/builder"
	"debvisor/config"

	"github.com/spf13/cobra"
)

func answersCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "answers",
		Example: "  debvisor-builder answers check node.yaml\n  debvisor-builder answers schema > answers.schema.json",
		Short:   "Check answers files, or describe them",
		Args:    noArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(
		&cobra.Command{
			Use:     "check FILE",
			Short:   "Report everything that is wrong with an answers file",
			Example: "  debvisor-builder answers check node.yaml",
			Args:    exactly("FILE"),
			RunE: func(c *cobra.Command, args []string) error {
				data, err := os.ReadFile(args[0])
				if err != nil {
					return usageError{err}
				}
				if _, err := config.ParseNode(args[0], data); err != nil {
					return err
				}
				fmt.Fprintf(c.OutOrStdout(), "%s: no mistakes found\n", args[0])
				return nil
			},
		},
		&cobra.Command{
			Use:     "schema",
			Example: "  debvisor-builder answers schema > answers.schema.json",
			Short:   "Print the JSON Schema of answers files, for editors",
			Args:    noArgs,
			RunE: func(c *cobra.Command, _ []string) error {
				text, err := builder.Schema()
				if err != nil {
					return err
				}
				_, err = c.OutOrStdout().Write(text)
				return err
			},
		},
	)
	return c
}

func versionCommand(version, commit string) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Example: "  debvisor-builder version",
		Short:   "Print what this program is called",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if commit != "" {
				commit = " (" + commit + ")"
			}
			_, err := fmt.Fprintf(c.OutOrStdout(), "debvisor-builder %s%s\n", version, commit)
			return err
		},
	}
}
