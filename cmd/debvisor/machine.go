package main

import (
	"encoding/json"
	"io"

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
