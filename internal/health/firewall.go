package health

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"

	"debvisor/internal/host"
	"debvisor/internal/nft"
	"debvisor/internal/pattern"
)

func firewall(ctx context.Context, n *Node, r *Result) error {
	if err := n.service(ctx, r, "nftables.service"); err != nil {
		return err
	}
	rs, err := n.kernelRules(ctx)
	if err != nil {
		r.fail("the table inet debvisor is not in the kernel: %v", err)
		return nil
	}
	for _, hook := range []string{"input", "forward"} {
		switch policy := rs.policy(hook); policy {
		case "drop":
		case "":
			r.fail("there is no chain at the hook %s", hook)
		default:
			r.fail("the policy at the hook %s is %s, not drop", hook, policy)
		}
	}
	r.ok("loaded, %d rules, everything else is dropped", len(rs.rules))
	return nil
}

// firewallRules loads the files into a network namespace that ends with the command, and compares what they make there
// with what is in the kernel: the only way to know what files with includes and definitions mean.
func firewallRules(ctx context.Context, n *Node, r *Result) error {
	kernel, err := n.Run(ctx, "nft", "-s", "list", "table", "inet", "debvisor")
	if err != nil {
		return err
	}
	if waits, err := onTrial(n, r, string(kernel)); waits || err != nil {
		return err
	}
	text, err := nft.WithoutBlocklist(n.Host)
	if err != nil {
		return err
	}
	alone := host.Cmd{Args: []string{"unshare", "--net", "sh", "-c", "nft -f - && nft -s list table inet debvisor"}, Stdin: text}
	files, err := n.Runner.Run(ctx, alone)
	if err != nil {
		r.fail("/etc/nftables.conf cannot be loaded: %v", err)
		return nil
	}
	if strings.Contains(string(kernel), `comment "fallback"`) {
		r.fail("a fallback is in force, not /etc/nftables.conf")
	}
	compareRules(r, sortedTable(kernel), sortedTable(files))
	return nil
}

// loadMark is the chain in which the one who loads the rules leaves a mark; the files do not have it.
var loadMark = pattern.Lazy(`(?s)\n\tchain loaded \{.*?\n\t\}`)

// onTrial reports whether the rules in the kernel wait to be confirmed; then they are not those of the files, and need not be.
func onTrial(n *Node, r *Result, kernel string) (bool, error) {
	trial, err := nft.ReadTrial(n.Host)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil || !strings.Contains(kernel, `comment "`+trial.Digest+`"`) {
		return false, err
	}
	r.warn("rules on trial are in force until %s; see debvisor firewall status", trial.ConfirmBy.Format(time.RFC3339))
	return true, nil
}

// sortedTable is a table without the mark and with its sets and chains sorted: the kernel keeps them in the order in which they
// came to be, and services come and go.
func sortedTable(table []byte) string {
	text := strings.TrimPrefix(loadMark().ReplaceAllString(string(table), ""), "table inet debvisor {\n")
	blocks := strings.Split(strings.TrimSuffix(text, "\n}\n"), "\n\n")
	for i := range blocks {
		blocks[i] = strings.Trim(blocks[i], "\n")
	}
	slices.Sort(blocks)
	return strings.TrimLeft(strings.Join(blocks, "\n\n")+"\n", "\n")
}

func compareRules(r *Result, kernel, files string) {
	extra, missing := onlyIn(kernel, files), onlyIn(files, kernel)
	switch {
	case extra != "":
		r.fail("in the kernel and not in the files: %s", extra)
	case missing != "":
		r.fail("in the files and not in the kernel: %s", missing)
	case kernel != files:
		r.fail("the rules in the kernel are in another order than in the files, or more often there")
	}
	r.ok("the kernel has just what the files say")
}

// onlyIn is the first line of a that is not in b, or "".
func onlyIn(a, b string) string {
	for line := range strings.Lines(a) {
		if !strings.Contains(b, line) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}
