package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"debvisor/internal/blocklist"
	"debvisor/internal/blocklist/addrset"
	"debvisor/internal/exit"

	"github.com/spf13/cobra"
)

func blocklistVerb() *cobra.Command {
	return group(&cobra.Command{
		Use:   "blocklist",
		Short: "compile, check and show what this node blocks; cut one address off",
		Example: "  debvisor blocklist check /etc/debvisor/blocklist.txt\n  sudo debvisor blocklist apply\n" +
			"  sudo debvisor blocklist show 203.0.113.7",
	}, blocklistCompile(), blocklistCheck(), blocklistApply(), blocklistExpire(), blocklistQuarantine(), blocklistRelease(),
		blocklistShow(), blocklistStats())
}

// lists are the files of the flags --block and --allow; "-" is standard input.
type lists struct{ block, allow []string }

func (l *lists) flags(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&l.block, "block", nil, "files of what is blocked")
	cmd.Flags().StringArrayVar(&l.allow, "allow", nil, "files of what is never blocked")
}

// spread lets one --block and one --allow of compile have several files behind them, which flags alone cannot.
func spread(args []string) []string {
	if len(args) < 2 || args[0] != "blocklist" || args[1] != "compile" {
		return args
	}
	var all []string
	flag, taken := "", false // the flag that files belong to, and whether it has one
	for _, a := range args {
		switch {
		case a == "--block" || a == "--allow":
			flag, taken = a, false
		case len(a) > 1 && a[0] == '-':
			flag = ""
		case flag != "" && taken:
			all = append(all, flag)
		default:
			taken = true
		}
		all = append(all, a)
	}
	return all
}

func blocklistCompile() *cobra.Command {
	var l lists
	var skip bool
	cmd := &cobra.Command{
		Use:   "compile --block FILE... [--allow FILE...]",
		Short: "print the effective list: block lists minus whitelists",
		Long: `Prints what is blocked, one CIDR a line: IPv4 before IPv6, ascending, as few as possible. Nothing is loaded. A line that is
no address is named with file and line; exit code 2, and nothing is printed, unless --skip-invalid is given.`,
		Example: `  debvisor blocklist compile --block blocklist.txt --allow blocklist-whitelist.txt
  curl -s https://lists.example/feed.txt | debvisor blocklist compile --block - > effective.txt`,
		Args: usage(cobra.NoArgs),
	}
	l.flags(cmd)
	cmd.Flags().BoolVar(&skip, "skip-invalid", false, "leave out lines that are no address")
	return withJSON(cmd, func(c *cobra.Command, _ []string, asJSON bool) error {
		if len(l.block) == 0 {
			return exit.With(exit.Usage, errors.New("what is to be blocked? give --block FILE"))
		}
		set, err := l.compile(c, skip)
		if err != nil {
			return err
		}
		if asJSON {
			return printJSON(c.OutOrStdout(), map[string]any{"sha256": set.Digest(), "networks": networks(set)})
		}
		out := bufio.NewWriterSize(c.OutOrStdout(), 1<<16)
		_, err = set.WriteTo(out)
		return errors.Join(err, out.Flush())
	})
}

func (l *lists) compile(c *cobra.Command, skip bool) (addrset.Set, error) {
	block, err := readLists(c, l.block)
	if err != nil {
		return addrset.Set{}, err
	}
	allow, err := readLists(c, l.allow)
	if err != nil {
		return addrset.Set{}, err
	}
	if err := errors.Join(mistakes(block), mistakes(allow)); err != nil {
		if !skip {
			return addrset.Set{}, exit.With(exit.Usage, err)
		}
		fmt.Fprintln(c.ErrOrStderr(), "debvisor: left out:", err)
	}
	return block.Set().Except(allow.Set()), nil
}

// readLists reads files into one set, and says what was taken as something else than written.
func readLists(c *cobra.Command, names []string) (*addrset.Reader, error) {
	r := &addrset.Reader{MaxRejected: blocklist.MaxRejected}
	p := newProgress(c.ErrOrStderr())
	defer p.done()
	for _, name := range names {
		if err := readFile(c, r, p, name); err != nil {
			return nil, err
		}
	}
	warnings, total := r.Warnings()
	for _, w := range warnings {
		fmt.Fprintln(c.ErrOrStderr(), "debvisor: warning:", w)
	}
	if more := total - len(warnings); more > 0 {
		fmt.Fprintf(c.ErrOrStderr(), "debvisor: warning: and %d more lines like these\n", more)
	}
	return r, nil
}

func readFile(c *cobra.Command, r *addrset.Reader, p *progress, name string) error {
	if name == "-" {
		return r.Read("standard input", p.watch(name, c.InOrStdin()))
	}
	f, err := os.Open(name)
	if err != nil {
		return exit.With(exit.Usage, err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.IsDir() {
		return exit.With(exit.Usage, errors.Join(err, fmt.Errorf("read %s: it is a directory", name)))
	}
	return r.Read(name, p.watch(name, f))
}

// mistakes are the lines that are no address, or nil.
func mistakes(r *addrset.Reader) error {
	if first, total := r.Rejected(); total > 0 {
		return &blocklist.Invalid{First: first, Total: total}
	}
	return nil
}

func networks(s addrset.Set) []string {
	all := []string{}
	for p := range s.Prefixes() {
		all = append(all, p.String())
	}
	return all
}

func blocklistCheck() *cobra.Command {
	var metadata string
	cmd := &cobra.Command{
		Use:   "check FILE...",
		Short: "say what is wrong with lists",
		Long: `Reads lists and names every line that is no address, with file and line. With --metadata the lists must also have the sha256
that the file says; a list that it does not name, or names with a placeholder, is refused. Exit code 2 for a list with a
mistake, 5 for a hash.`,
		Example: "  debvisor blocklist check blocklist.txt blocklist-whitelist.txt\n" +
			"  debvisor blocklist check --metadata blocklist-metadata.json blocklist.txt --json",
		Args: usage(cobra.MinimumNArgs(1)),
	}
	cmd.Flags().StringVar(&metadata, "metadata", "", "a JSON file with the sha256 of each list")
	return withJSON(cmd, func(c *cobra.Command, files []string, asJSON bool) error {
		r, err := readLists(c, files)
		if err != nil {
			return err
		}
		wrong := exit.With(exit.Usage, mistakes(r))
		if metadata != "" {
			wrong = errors.Join(exit.With(exit.Signature, blocklist.CheckMetadata(metadata, files)), wrong)
		}
		return sayChecked(c.OutOrStdout(), r, wrong, asJSON)
	})
}

func sayChecked(w io.Writer, r *addrset.Reader, wrong error, asJSON bool) error {
	lines, entries := r.Counts()
	first, total := r.Rejected()
	n := r.Set().Sizes()
	if !asJSON {
		if wrong == nil {
			_, wrong = fmt.Fprintf(w, "%d lines, %d entries: %d IPv4 and %d IPv6 ranges\n", lines, entries, n.Hosts4+n.Nets4, n.Hosts6+n.Nets6)
		}
		return wrong
	}
	said := map[string]any{"ok": wrong == nil, "lines": lines, "entries": entries, "rejected": total,
		"ranges_ipv4": n.Hosts4 + n.Nets4, "ranges_ipv6": n.Hosts6 + n.Nets6, "problems": problems(first)}
	if wrong == nil {
		return printJSON(w, said)
	}
	said["error"] = wrong.Error()
	return errors.Join(printJSON(w, said), exit.With(exit.Code(wrong), errSaid))
}

func problems(rejected []addrset.Rejected) []map[string]any {
	all := []map[string]any{}
	for _, r := range rejected {
		all = append(all, map[string]any{"file": r.File, "line": r.Line, "text": r.Text, "why": r.Why})
	}
	return all
}
