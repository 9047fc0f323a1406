package main

import (
	"fmt"
	"io"

	"debvisor/internal/host"
	"debvisor/internal/version"

	"github.com/spf13/cobra"
)

func versionVerb() *cobra.Command {
	var long, asJSON bool
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "say which version this is",
		Example: "  debvisor version\n  debvisor version --long          # with the image that the node was installed from\n  debvisor version --long --json",
		Args:    usage(cobra.NoArgs),
	}
	h := machine(cmd)
	cmd.Flags().BoolVar(&long, "long", false, "also the commit and the image")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.RunE = func(c *cobra.Command, _ []string) error {
		v, err := readVersion(h, long)
		if err != nil {
			return err
		}
		if asJSON {
			return printJSON(c.OutOrStdout(), v)
		}
		return v.print(c.OutOrStdout())
	}
	return cmd
}

// versions is what `version` prints.
type versions struct {
	Version string         `json:"version"`
	Commit  string         `json:"commit,omitempty"`
	Image   *version.Image `json:"image,omitempty"`
}

func readVersion(h *host.Host, long bool) (versions, error) {
	v := versions{Version: version.Version}
	if !long {
		return v, nil
	}
	v.Commit = version.Commit
	data, err := h.ReadFile(version.ImageFile)
	if err != nil {
		return v, err
	}
	i, err := version.ParseImage(data)
	v.Image = &i
	return v, err
}

func (v versions) print(w io.Writer) error {
	text := "debvisor " + v.Version
	if v.Commit != "" {
		text += " (" + v.Commit + ")"
	}
	if v.Image != nil {
		text += "\nimage " + v.Image.String()
	}
	_, err := fmt.Fprintln(w, text)
	return err
}
