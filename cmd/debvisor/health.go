package main

import (
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"
	"time"

	"debvisor/internal/exit"
	"debvisor/internal/health"
	"debvisor/internal/host"

	"github.com/spf13/cobra"
)

func healthVerb() *cobra.Command {
	var asJSON, list bool
	var patience time.Duration
	cmd := &cobra.Command{
		Use:   "health [CHECK…]",
		Short: "look at the node and say what is well and what is not",
		Long: `Looks at the node and prints a line for each check: ok, warn (works, but wants attention), skip (not looked at, and
why) or fail. It changes nothing. Exit code 0 when nothing failed, 4 when something did.`,
		Example: `  sudo debvisor health
  sudo debvisor health ssh firewall   # only these
  sudo debvisor health --json
  debvisor health --list              # every check and why it is there
  debvisor health --root /mnt         # files of a system that is not running`,
	}
	h := machine(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&list, "list", false, "list the checks and make none")
	cmd.Flags().DurationVar(&patience, "timeout", 20*time.Second, "how long to wait for each check")
	cmd.RunE = func(c *cobra.Command, args []string) error {
		checks, err := selected(args)
		if err != nil {
			return exit.With(exit.Usage, err)
		}
		if list {
			return listChecks(c.OutOrStdout(), checks)
		}
		return reportHealth(c, h, checks, patience, asJSON)
	}
	return cmd
}

// selected are the checks of the given names, in the list's order; all of them without names.
func selected(names []string) ([]health.Check, error) {
	all := health.Checks()
	for _, name := range names {
		if !slices.ContainsFunc(all, func(c health.Check) bool { return c.Name == name }) {
			return nil, fmt.Errorf("there is no check %q; see debvisor health --list", name)
		}
	}
	return slices.DeleteFunc(all, func(c health.Check) bool { return len(names) > 0 && !slices.Contains(names, c.Name) }), nil
}

func listChecks(w io.Writer, checks []health.Check) error {
	for _, c := range checks {
		if _, err := fmt.Fprintf(w, "%-16s  %s\n", c.Name, c.Why); err != nil {
			return err
		}
	}
	return nil
}

func reportHealth(c *cobra.Command, h *host.Host, checks []health.Check, patience time.Duration, asJSON bool) error {
	n := &health.Node{Host: h, Root: os.Geteuid() == 0, Offline: h.Root != "/", Patience: patience}
	results := health.Run(c.Context(), n, checks)
	var s summary
	var err error
	if asJSON {
		s.add(results, func(health.Result) {})
		err = printJSON(c.OutOrStdout(), s)
	} else {
		s.add(results, func(r health.Result) { fmt.Fprintf(c.OutOrStdout(), "%-4s  %-16s  %s\n", r.Status, r.Check, r.Detail) })
		_, err = fmt.Fprintln(c.OutOrStdout(), s)
	}
	if err == nil && s.Status == health.Fail {
		err = exit.With(exit.Refused, errSaid)
	}
	return err
}

// summary is all results and how many there are of each kind. Status is fail, warn or ok.
type summary struct {
	Status health.Status         `json:"status"`
	Count  map[health.Status]int `json:"count"`
	Checks []health.Result       `json:"checks"`
}

func (s *summary) add(results iter.Seq[health.Result], tell func(health.Result)) {
	s.Count = map[health.Status]int{health.OK: 0, health.Warn: 0, health.Skip: 0, health.Fail: 0}
	for r := range results {
		s.Checks = append(s.Checks, r)
		s.Count[r.Status]++
		tell(r)
	}
	s.Status = health.OK
	for _, status := range []health.Status{health.Warn, health.Fail} {
		if s.Count[status] > 0 {
			s.Status = status
		}
	}
}

// String is the last line: "30 ok, 1 warn, 2 skip, 0 fail".
func (s summary) String() string {
	var parts []string
	for _, status := range []health.Status{health.OK, health.Warn, health.Skip, health.Fail} {
		parts = append(parts, fmt.Sprintf("%d %s", s.Count[status], status))
	}
	return strings.Join(parts, ", ")
}
