package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"debvisor/config"
	"debvisor/internal/blocklist"
	"debvisor/internal/blocklist/addrset"
	"debvisor/internal/blocklist/kernel"
	"debvisor/internal/exit"
	"debvisor/internal/host"

	"github.com/spf13/cobra"
)

func blocklistVerb() *cobra.Command {
	return group(&cobra.Command{
		Use:   "blocklist",
		Short: "compile, check and show what this node blocks",
		Example: "  debvisor blocklist check /etc/debvisor/blocklist.txt\n  sudo debvisor blocklist apply\n" +
			"  sudo debvisor blocklist show 203.0.113.7",
	}, blocklistCompile(), blocklistCheck(), blocklistApply(), blocklistShow(), blocklistStats())
}

// lists are the files of the flags --block and --allow; "-" is standard input.
type lists struct{ block, allow []string }

func (l *lists) flags(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&l.block, "block", nil, "a file of what is blocked; may be given several times")
	cmd.Flags().StringArrayVar(&l.allow, "allow", nil, "a file of what is never blocked; may be given several times")
}

func blocklistCompile() *cobra.Command {
	var l lists
	var asJSON, skip bool
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
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&skip, "skip-invalid", false, "leave out lines that are no address")
	cmd.RunE = func(c *cobra.Command, _ []string) error {
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
	}
	return cmd
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
	var asJSON bool
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
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().StringVar(&metadata, "metadata", "", "a JSON file with the sha256 of each list")
	cmd.RunE = func(c *cobra.Command, files []string) error {
		r, err := readLists(c, files)
		if err != nil {
			return err
		}
		wrong := exit.With(exit.Usage, mistakes(r))
		if metadata != "" {
			wrong = errors.Join(exit.With(exit.Signature, blocklist.CheckMetadata(metadata, files)), wrong)
		}
		return sayChecked(c.OutOrStdout(), r, wrong, asJSON)
	}
	return cmd
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

func blocklistApply() *cobra.Command {
	var plan, asJSON bool
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "read the lists again and bring them into force",
		Long: `Reads the lists that ` + blocklist.SettingsPath + ` names and brings what is left of them into the kernel; the blocklist role
wrote that file. A quarantine that is over ends. debvisor-blocklist.timer calls this. A list with a mistake, or one that
would lock somebody out, is refused, and what is in force stays.`,
		Example: "  sudo debvisor blocklist apply --plan\n  sudo debvisor blocklist apply",
		Args:    usage(cobra.NoArgs),
	}
	cmd.Flags().BoolVar(&plan, "plan", false, "say what would change, and change nothing")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.RunE = func(c *cobra.Command, _ []string) error {
		h := host.New()
		lock, err := blocklist.Lock(c.Context(), h)
		if err != nil {
			return err
		}
		defer lock.Close()
		table, err := kernel.Open()
		if err != nil {
			return err
		}
		defer table.Close()
		o, err := planned(c.Context(), h, table)
		if err != nil {
			return exit.With(refusedIf(err), err)
		}
		if !plan {
			err = h.Apply(c.Context(), o.Changes)
		}
		return errors.Join(sayPlanned(c.OutOrStdout(), o, asJSON), err)
	}
	return cmd
}

func sayPlanned(w io.Writer, o blocklist.Outcome, asJSON bool) error {
	changes := []string{}
	for _, c := range o.Changes {
		changes = append(changes, c.String())
	}
	if asJSON {
		n := o.List.Sizes()
		return printJSON(w, map[string]any{"changes": changes, "rejected": o.RejectedTotal, "sha256": o.List.Digest(),
			"ranges_ipv4": n.Hosts4 + n.Nets4, "ranges_ipv6": n.Hosts6 + n.Nets6})
	}
	for _, c := range changes {
		if _, err := fmt.Fprintln(w, c); err != nil {
			return err
		}
	}
	return nil
}

// planned is what the node's own settings ask for now.
func planned(ctx context.Context, h *host.Host, table blocklist.Table) (blocklist.Outcome, error) {
	settings, err := blocklist.ReadSettings(h)
	if err != nil {
		return blocklist.Outcome{}, fmt.Errorf("%w: the blocklist role has not run here", err)
	}
	managed, err := config.Management(h)
	if err != nil {
		return blocklist.Outcome{}, err
	}
	now := time.Now()
	q, err := blocklist.ReadQuarantine(h)
	if err != nil {
		return blocklist.Outcome{}, err
	}
	return blocklist.Plan(ctx, h, table, blocklist.Desired{Settings: settings, Managed: managed, Quarantine: q.At(now), By: "debvisor", Now: now})
}

func refusedIf(err error) int {
	var invalid *blocklist.Invalid
	switch {
	case errors.Is(err, blocklist.ErrLockout):
		return exit.Refused
	case errors.As(err, &invalid):
		return exit.Usage
	}
	return exit.Failed
}
