package main

import (
	"encoding/json"
	"errors"
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

// failed ends a verb with an error: with --json it is printed as {"ok": false, "error": …} too, and keeps its exit code.
func failed(w io.Writer, asJSON bool, err error) error {
	if err == nil || !asJSON {
		return err
	}
	said := map[string]any{"ok": false, "error": err.Error()}
	return errors.Join(printJSON(w, said), exit.With(exit.Code(err), errSaid))
}
