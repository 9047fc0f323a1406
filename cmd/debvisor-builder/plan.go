package main

import (
	"debvisor/builder"
	"debvisor/internal/host"

	"github.com/spf13/cobra"
)

func planCommand() *cobra.Command {
	var s source
	c := &cobra.Command{
		Use:     "plan",
		Short:   "Show what a build would do: stages, inputs, what is cached, what is to download",
		Long:    "Show what a build would do: stages, inputs, what is cached, what is to download.\n\nOnly package indexes are written, below cache/apt.",
		Example: "  debvisor-builder plan --edition minimal",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			b, err := builder.New(s.options(), host.System{}, builder.NewProgress(c.ErrOrStderr(), builder.Quiet))
			if err != nil {
				return err
			}
			public, err := b.PlanKey()
			if err != nil {
				return err
			}
			p, err := b.Plan(c.Context(), public)
			if err != nil {
				return err
			}
			if s.json {
				return printJSON(c.OutOrStdout(), p)
			}
			return p.Print(c.OutOrStdout())
		},
	}
	s.flags(c)
	return c
}
