package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"debvisor"
	"debvisor/builder/payload"
	"debvisor/internal/collection"
	"debvisor/internal/version"

	"github.com/spf13/cobra"
)

func collectionCommand() *cobra.Command {
	var dir, clone string
	c := &cobra.Command{
		Use:   "collection",
		Short: "Make the Ansible collection debvisor.core: a tarball and a directory",
		Long: `Make the Ansible collection debvisor.core: a tarball to install, and below DIR/collections a directory.

With --clone the directory has links to the files of that clone instead of copies, so that a playbook that
is run from the clone never meets an older role.`,
		Example: `  debvisor-builder collection
  ansible-galaxy collection install build/debvisor-core-*.tar.gz`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			made, err := collected()
			if err != nil {
				return err
			}
			tree, archive := filepath.Join(dir, "collections", filepath.FromSlash(collection.Path)), filepath.Join(dir, made.ArchiveName())
			if err := errors.Join(putTree(tree, clone, made.Source()), putArchive(archive, made)); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%s\n%s\n", tree, archive)
			return nil
		},
	}
	c.Flags().StringVar(&dir, "dir", "build", "directory for the results")
	c.Flags().StringVar(&clone, "clone", "", "link to the files of this clone instead of copying them")
	return c
}

func collected() (*collection.Collection, error) {
	binaries, err := collection.Binaries(payload.Files())
	if err != nil {
		return nil, err
	}
	notices, err := fs.ReadFile(payload.Files(), collection.NoticesFile)
	if err != nil {
		return nil, fmt.Errorf("%w: run make modules", err)
	}
	return collection.New(collection.Source{Files: debvisor.Files, Version: version.Version, Binaries: binaries, Notices: string(notices)})
}

// putTree replaces a directory: it is made beside it and takes its place when it is whole.
func putTree(dir, clone string, entries []collection.Entry) error {
	fresh := dir + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	for _, e := range entries {
		if err := putEntry(filepath.Join(fresh, filepath.FromSlash(e.Path)), dir, clone, e); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return os.Rename(fresh, dir)
}

// putEntry makes one file or link; dir is where it will be found later.
func putEntry(name, dir, clone string, e collection.Entry) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	link := e.Link
	if clone != "" && e.Origin != "" {
		var err error
		if link, err = linkTo(filepath.Join(clone, filepath.FromSlash(e.Origin)), filepath.Dir(filepath.Join(dir, filepath.FromSlash(e.Path)))); err != nil {
			return err
		}
	}
	if link != "" {
		return os.Symlink(link, name)
	}
	return os.WriteFile(name, e.Data, e.Mode)
}

// linkTo is how a link in dir leads to a file; a file that is not there is a clone of something else.
func linkTo(file, dir string) (string, error) {
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s is not there: this program was built from another clone", file)
	} else if err != nil {
		return "", err
	}
	from, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	to, err := filepath.Abs(file)
	if err != nil {
		return "", err
	}
	return filepath.Rel(from, to)
}

func putArchive(name string, c *collection.Collection) error {
	f, err := os.Create(name + ".new")
	if err != nil {
		return err
	}
	if err := errors.Join(c.Archive(f), f.Close()); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}
