package main

import (
	"fmt"
	"io"
	"time"

	"debvisor/internal/host"
	"debvisor/internal/profile"

	"github.com/spf13/cobra"
)

func profileVerb() *cobra.Command {
	return group(&cobra.Command{
		Use:     "profile",
		Short:   "the storage profile of this node",
		Example: "  debvisor profile show\n  sudo debvisor profile summary",
	}, profileShow(), profileSummary())
}

func profileShow() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "show",
		Short:   "print the profile's name",
		Long:    "Prints the profile that " + profile.Path + " names. An unknown profile, or none, is an error.",
		Example: "  debvisor profile show\n  debvisor profile show --root /mnt --json",
		Args:    usage(cobra.NoArgs),
	}
	h := machine(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.RunE = func(c *cobra.Command, _ []string) error {
		name, err := readProfile(h)
		if err != nil {
			return err
		}
		if asJSON {
			return printJSON(c.OutOrStdout(), map[string]string{"profile": name})
		}
		_, err = fmt.Fprintln(c.OutOrStdout(), name)
		return err
	}
	return cmd
}

func readProfile(h *host.Host) (string, error) {
	data, err := h.ReadFile(profile.Path)
	if err != nil {
		return "", err
	}
	return profile.Parse(string(data))
}

func profileSummary() *cobra.Command {
	var plan, asJSON bool
	cmd := &cobra.Command{
		Use:   "summary",
		Short: "write the profile's summary and print it",
		Long: `Writes ` + profile.SummaryText + ` and .json from ` + profile.Path + `, unless they say so already, and prints
the text.`,
		Example: "  sudo debvisor profile summary\n  debvisor profile summary --plan       # only what would change\n  sudo debvisor profile summary --json",
		Args:    usage(cobra.NoArgs),
	}
	h := machine(cmd)
	cmd.Flags().BoolVar(&plan, "plan", false, "print what would change and change nothing")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the JSON summary")
	cmd.RunE = func(c *cobra.Command, _ []string) error {
		changes, err := profile.PlanSummary(h, time.Now())
		if err != nil {
			return err
		}
		if plan {
			return printChanges(c.OutOrStdout(), changes)
		}
		if err := h.Apply(c.Context(), changes); err != nil {
			return err
		}
		return printFile(c.OutOrStdout(), h, map[bool]string{true: profile.SummaryJSON, false: profile.SummaryText}[asJSON])
	}
	return cmd
}

func printChanges(w io.Writer, changes []host.Change) error {
	for _, c := range changes {
		if _, err := fmt.Fprintln(w, c); err != nil {
			return err
		}
	}
	return nil
}

func printFile(w io.Writer, h *host.Host, name string) error {
	data, err := h.ReadFile(name)
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}
