package health

import (
	"context"
	"io/fs"

	"debvisor/config"
	"debvisor/internal/host"
)

// confidential are files that must be just as readable as said here; those that do not exist are nobody's secret.
var confidential = []struct {
	pattern string
	mode    fs.FileMode
	owner   string
}{
	{config.AnswersPath, 0o600, ""},
	{"/etc/shadow", 0o640, "root:shadow"},
	{"/etc/gshadow", 0o640, "root:shadow"},
	{"/etc/sudoers", 0o440, ""},
	{"/etc/sudoers.d/debvisor*", 0o440, ""},
	{firstbootJournal, 0o600, ""},
}

func secrets(_ context.Context, n *Node, r *Result) error {
	count := 0
	for _, c := range confidential {
		found, err := n.Glob(c.pattern)
		if err != nil {
			return err
		}
		for _, name := range found {
			if err := n.guarded(r, name, c.mode, c.owner); err != nil {
				return err
			}
		}
		count += len(found)
	}
	r.ok("%d files are readable only as they should be", count)
	return nil
}

// guarded adds what would have to change about the mode and owner of a file.
func (n *Node) guarded(r *Result, name string, mode fs.FileMode, owner string) error {
	data, err := n.ReadFile(name)
	if err != nil {
		return err
	}
	changes, err := n.Need(host.File{Path: name, Content: string(data), Mode: mode, Owner: owner, Secret: true})
	if err != nil || len(changes) == 0 {
		return err
	}
	info, err := n.Stat(name)
	if err != nil {
		return err
	}
	r.fail("%s has mode %04o; needed: %s", name, info.Mode().Perm(), changes[0])
	return nil
}
