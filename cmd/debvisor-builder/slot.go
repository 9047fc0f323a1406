package main

import (
	"fmt"
	"os"

	"debvisor/builder"

	"github.com/spf13/cobra"
)

func embedCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "embed ISO ANSWERS",
		Short: "Write answers into an image, or a stick with it, so that it installs without asking",
		Long: `Write answers into an image, or a stick with it, so that it installs without asking.

The answers are checked first. They are not signed: whoever has the image can read and change them. "verify" reads their
place as empty and still accepts the image; cosign, which sees the whole file, does not until "reset".`,
		Example: `  debvisor-builder embed build/debvisor-1.0-amd64.iso node.yaml
  debvisor-builder embed /dev/sdX node.yaml`,
		Args: exactly("ISO", "ANSWERS"),
		RunE: func(c *cobra.Command, args []string) error {
			text, err := os.ReadFile(args[1])
			if err != nil {
				return usageError{err}
			}
			if err := builder.Embed(args[0], args[1], text); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), `%[1]s: holds the answers of %[2]s now
The signature of its manifest and %[3]s verify still hold; cosign's check of the whole file does not until %[3]s reset.
`, args[0], args[1], invoked())
			return nil
		},
	}
}

func resetCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "reset ISO",
		Short:   "Take the answers out of an image: it is again what was signed",
		Example: "  debvisor-builder reset build/debvisor-1.0-amd64.iso",
		Args:    exactly("ISO"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := builder.Reset(args[0]); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%s: holds no answers\n", args[0])
			return nil
		},
	}
}
