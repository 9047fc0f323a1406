package health

import (
	"context"
	"path"

	"debvisor/internal/names"
)

func fixedNames(_ context.Context, n *Node, r *Result) error {
	for _, name := range names.Binaries {
		n.executable(r, name)
	}
	for _, link := range names.Links {
		target, err := n.Readlink(link.Path)
		if err == nil && !path.IsAbs(target) {
			target = path.Join(path.Dir(link.Path), target)
		}
		switch {
		case err != nil:
			r.fail("%v", err)
		case target != link.Target:
			r.fail("%s leads to %s, not to %s", link.Path, target, link.Target)
		}
	}
	for _, name := range names.Files {
		if _, err := n.Stat(name); err != nil {
			r.fail("%v", err)
		}
	}
	r.ok("%d commands, %d links, %d files", len(names.Binaries), len(names.Links), len(names.Files))
	return nil
}

func (n *Node) executable(r *Result, name string) {
	info, err := n.Stat(name)
	switch {
	case err != nil:
		r.fail("%v", err)
	case info.Mode()&0o111 != 0o111:
		r.fail("%s is not executable for everybody (%04o)", name, info.Mode().Perm())
	}
}
