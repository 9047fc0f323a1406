package main

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"debvisor/builder"
	"debvisor/builder/payload"
	"debvisor/config"
	"debvisor/internal/host"
	"debvisor/internal/version"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// source are the flags that build and plan share.
type source struct {
	edition, dir, config string
	offline, json        bool
}

func (s *source) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&s.edition, "edition", "standard", "what to build: an edition of image.yaml")
	f.StringVar(&s.dir, "dir", "build", "directory for results, cache, keys and logs")
	f.StringVar(&s.config, "config", "", "directory to use instead of the configuration in this program")
	f.BoolVar(&s.offline, "offline", false, "use the package indexes of the last time")
	f.BoolVar(&s.json, "json", false, "print JSON")
}

func (s *source) options() builder.Options {
	var files fs.FS = config.Files
	if s.config != "" {
		files = os.DirFS(s.config)
	}
	return builder.Options{Edition: s.edition, Dir: s.dir, Offline: s.offline, Files: files, Payload: payload.Files(),
		Version: version.Version, Commit: version.Commit}
}

// progress goes to standard error, so that standard output is the result alone.
func (s *source) progress(stdout, stderr io.Writer) *builder.Progress {
	switch {
	case s.json:
		return builder.NewProgress(stdout, builder.JSON)
	case isTerminal(stderr):
		return builder.NewProgress(stderr, builder.Live)
	default:
		return builder.NewProgress(stderr, builder.Plain)
	}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

func buildCommand() *cobra.Command {
	var s source
	var key, passFile string
	c := &cobra.Command{
		Use:   "build",
		Short: "Build and sign an installer image",
		Example: `  debvisor-builder build --edition minimal
  debvisor-builder build --key release.key --key-passphrase-file pass`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o := s.options()
			o.Key = key
			var err error
			o.Passphrase, err = passphrase(passFile)
			if err == nil && key != "" && len(o.Passphrase) == 0 && onTerminal() {
				o.Passphrase, err = ask("passphrase of " + key)
			}
			if err != nil {
				return err
			}
			b, err := builder.New(o, host.System{}, s.progress(c.OutOrStdout(), c.ErrOrStderr()))
			if err != nil {
				return err
			}
			res, err := b.Build(c.Context())
			if err != nil {
				return err
			}
			return printResult(c.OutOrStdout(), res, s.json)
		},
	}
	s.flags(c)
	c.Flags().StringVar(&key, "key", "", "private key that signs (cosign's format); a local development key when missing")
	c.Flags().StringVar(&passFile, "key-passphrase-file", "", "file with the key's passphrase; else $COSIGN_PASSWORD")
	return c
}

// printResult tells what was made, and what to do with it.
func printResult(w io.Writer, r *builder.Result, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(struct {
			State string `json:"state"`
			*builder.Result
		}{"result", r})
	}
	fmt.Fprintf(w, "\nBuild %s, %d packages:\n", r.BuildID, r.Packages)
	for _, name := range r.Files {
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "  %12d  %s\n", info.Size(), relative(name))
	}
	iso, self := relative(r.ISO), invoked()
	fmt.Fprintf(w, "\nVerify it:\n  %s verify %s --key %s.pub\n", self, iso, iso)
	fmt.Fprintf(w, "  cosign verify-blob --key %s.pub --signature %s.sig --insecure-ignore-tlog=true %s\n", iso, iso, iso)
	fmt.Fprintf(w, "  cosign verify-blob --key %s.pub --bundle %s.sigstore.json --new-bundle-format --trusted-root %s --insecure-ignore-tlog=true %s\n",
		iso, iso, filepath.Join(filepath.Dir(iso), "trusted_root.json"), iso)
	fmt.Fprintf(w, "\nBoot it in an emulator:\n  %s boot %s --disk node.img\n", self, iso)
	fmt.Fprintf(w, "\nWrite it to a stick, which loses everything on it:\n  cp %s /dev/sdX && sync\n", iso)
	return nil
}

// invoked is this program as it was called: it need not be in PATH.
func invoked() string { return os.Args[0] }

// relative is a name as somebody in this directory would type it.
func relative(name string) string {
	dir, err := os.Getwd()
	if err != nil {
		return name
	}
	if rel, err := filepath.Rel(dir, name); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return name
}
