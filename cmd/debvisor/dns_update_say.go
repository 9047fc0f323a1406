package main

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"debvisor/internal/dns/update"
	"debvisor/internal/exit"

	"github.com/spf13/cobra"
)

// updated is an outcome as JSON.
type updated struct {
	Action    string          `json:"action"`
	Name      string          `json:"name"`
	Addresses []netip.Addr    `json:"addresses"`
	Result    update.Result   `json:"result"`
	Records   []update.Record `json:"records"`
}

// sayUpdated prints outcomes; the error has the exit code of the worst.
func sayUpdated(c *cobra.Command, outcomes []update.Outcome, asJSON bool) error {
	var failed []error
	code := exit.Done
	for _, o := range outcomes {
		if err := o.Err(); err != nil {
			failed = append(failed, err)
			code = max(code, updateCode(o.Result, err))
		}
	}
	if !asJSON {
		if err := sayRecords(c.OutOrStdout(), outcomes); err != nil {
			return err
		}
		return exit.With(code, errors.Join(failed...))
	}
	all := []updated{}
	for _, o := range outcomes {
		all = append(all, updated{verb(o), o.Change.Name, o.Change.Addresses, o.Result, o.Records})
	}
	err := printJSON(c.OutOrStdout(), map[string]any{"ok": len(failed) == 0, "outcomes": all})
	if err != nil || len(failed) == 0 {
		return err
	}
	return exit.With(code, errSaid)
}

func sayRecords(w io.Writer, outcomes []update.Outcome) error {
	for _, o := range outcomes {
		for _, r := range o.Records {
			line := fmt.Sprintf("%s: %s", r.Name, r.Result)
			if r.Result.OK() && r.Why != "" {
				line += ": " + r.Why
			}
			if len(r.Does) > 0 && r.Result == update.Done {
				line += ": " + strings.Join(r.Does, ", ")
			}
			if _, err := fmt.Fprintln(w, line); err != nil {
				return err
			}
		}
	}
	return nil
}

func updateCode(r update.Result, err error) int {
	var key *update.KeyError
	switch {
	case errors.As(err, &key):
		return exit.Signature
	case r == update.NotOwner || r == update.Refused:
		return exit.Refused
	}
	return exit.Failed
}
