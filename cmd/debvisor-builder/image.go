package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"debvisor/builder"

	"github.com/spf13/cobra"
)

// exactly asks for the named arguments.
func exactly(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != len(names) {
			return usageError{fmt.Errorf("want %v, got %d arguments\nusage: %s", names, len(args), c.UseLine())}
		}
		return nil
	}
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

func verifyCommand() *cobra.Command {
	var key string
	var asJSON bool
	c := &cobra.Command{
		Use:   "verify ISO",
		Short: "Check an image's signatures, checksums and every file on it",
		Long: `Check an image's signatures, checksums and every file on it, offline, and say what could not be checked.
An image without any signature of the whole of it is refused, exit code 5: its files alone do not show that it boots what
was built. Answers in the slot change nothing: it is read as empty.

Without --key the public key beside the image is used: that shows that nothing was damaged, not who made it.`,
		Example: `  debvisor-builder verify build/debvisor-1.0-amd64.iso --key release.pub`,
		Args:    exactly("ISO"),
		RunE: func(c *cobra.Command, args []string) error {
			public, beside, err := publicKey(key, args[0])
			if err != nil {
				return err
			}
			v, err := builder.Verify(c.Context(), args[0], public)
			if beside {
				v.NotChecked = append(v.NotChecked, "who made it: the key came with the image; give one that you trust with --key")
			}
			if asJSON {
				return errors.Join(err, printJSON(c.OutOrStdout(), v))
			}
			printVerdict(c.OutOrStdout(), v)
			return err
		},
	}
	c.Flags().StringVar(&key, "key", "", "public key; when missing ISO.pub or debvisor.pub beside the image")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func publicKey(name, image string) (text []byte, beside bool, err error) {
	if name == "" {
		text, err = builder.PublicKey(image)
	} else {
		text, err = os.ReadFile(name)
	}
	if err != nil {
		return nil, name == "", usageError{fmt.Errorf("read the public key: %w", err)}
	}
	return text, name == "", nil
}

func printVerdict(w io.Writer, v *builder.Verdict) {
	for _, s := range v.Checked {
		fmt.Fprintf(w, "ok           %s\n", s)
	}
	for _, s := range v.NotChecked {
		fmt.Fprintf(w, "not checked  %s\n", s)
	}
}

func inspectCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "inspect ISO",
		Example: "  debvisor-builder inspect build/debvisor-1.0-amd64.iso --json",
		Short:   "Show what an image is and holds; verifies nothing, shows no secrets",
		Args:    exactly("ISO"),
		RunE: func(c *cobra.Command, args []string) error {
			in, err := builder.Inspect(args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), in)
			}
			in.Print(c.OutOrStdout())
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}
