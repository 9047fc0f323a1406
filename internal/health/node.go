package health

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"debvisor/config"
)

// errAnswers is the reason why a check that compares with the answers is skipped; the check "answers" fails for it.
var errAnswers = errors.New("there is nothing to compare with: see answers")

// answers is what the operator asked for.
func (n *Node) answers() (*config.Node, error) {
	data, err := n.ReadFile(config.AnswersPath)
	if errors.Is(err, fs.ErrPermission) {
		return nil, err
	}
	if err != nil {
		return nil, errAnswers
	}
	node, err := config.ParseNode(config.AnswersPath, data)
	if err != nil {
		return nil, errAnswers
	}
	return node, nil
}

// line is a file's only line, or its first.
func (n *Node) line(name string) (string, error) {
	data, err := n.ReadFile(name)
	first, _, _ := strings.Cut(string(data), "\n")
	return strings.TrimSpace(first), err
}

// unit is how systemd sees a unit. A unit that is not there has LoadState "not-found".
func (n *Node) unit(ctx context.Context, name string) (map[string]string, error) {
	out, err := n.Run(ctx, "systemctl", "show", "--property=LoadState,ActiveState,Result,UnitFileState", name)
	return properties(string(out), "="), err
}

// service adds a finding for a unit that is not running or does not start by itself.
func (n *Node) service(ctx context.Context, r *Result, name string) error {
	u, err := n.unit(ctx, name)
	switch {
	case err != nil:
		return err
	case u["LoadState"] != "loaded":
		r.fail("%s is %s", name, u["LoadState"])
		return nil
	case u["ActiveState"] != "active":
		r.fail("%s is %s", name, u["ActiveState"])
	}
	if u["UnitFileState"] != "enabled" {
		r.fail("%s is %s: it will not be there after the next boot", name, u["UnitFileState"])
	}
	return nil
}

// properties reads lines of "key<sep>value".
func properties(text, sep string) map[string]string {
	all := map[string]string{}
	for line := range strings.Lines(text) {
		if key, value, found := strings.Cut(line, sep); found {
			all[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
	}
	return all
}

// records reads a file of lines with fields between colons, such as /etc/passwd; short lines are left out.
func (n *Node) records(name string, fields int) ([][]string, error) {
	data, err := n.ReadFile(name)
	var all [][]string
	for line := range strings.Lines(string(data)) {
		if f := strings.Split(strings.TrimSpace(line), ":"); len(f) >= fields {
			all = append(all, f)
		}
	}
	return all, err
}

// record is the first record of that name, or nil.
func record(all [][]string, name string) []string {
	for _, f := range all {
		if f[0] == name {
			return f
		}
	}
	return nil
}
