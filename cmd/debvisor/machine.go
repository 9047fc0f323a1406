package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"debvisor/internal/exit"
	"debvisor/internal/host"

	"github.com/spf13/cobra"
)

// machine adds --root to a verb and returns the machine it means, which is to be used once flags are parsed.
func machine(cmd *cobra.Command) *host.Host {
	h := host.New()
	cmd.Flags().StringVar(&h.Root, "root", "/", "directory of the system to look at")
	return h
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// say is what a verb that succeeded has to say, in words or as JSON.
func say(c *cobra.Command, asJSON bool, said map[string]any, words string) (err error) {
	switch {
	case asJSON:
		said["ok"] = true
		return printJSON(c.OutOrStdout(), said)
	case words != "":
		_, err = fmt.Fprintln(c.OutOrStdout(), words)
	}
	return err
}

// withJSON gives a verb the flag --json, by which errors are JSON too: {"ok": false, "error": …}. The exit code is the same.
func withJSON(cmd *cobra.Command, run func(c *cobra.Command, args []string, asJSON bool) error) *cobra.Command {
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	cmd.RunE = func(c *cobra.Command, args []string) error {
		err := run(c, args, *asJSON)
		if err == nil || !*asJSON || errors.Is(err, errSaid) {
			return err
		}
		said := map[string]any{"ok": false, "error": err.Error()}
		return errors.Join(printJSON(c.OutOrStdout(), said), exit.With(exit.Code(err), errSaid))
	}
	return cmd
}
