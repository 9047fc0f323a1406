package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"debvisor/internal/step"
)

// teller prints events: JSON lines, or a line for each step as it ends.
func teller(out io.Writer, asJSON bool) func(step.Event) {
	if asJSON {
		lines := json.NewEncoder(out)
		return func(e step.Event) {
			_ = lines.Encode(e) // whoever reads may have gone; the run goes on
		}
	}
	changes := 0
	return func(e step.Event) {
		switch e.Phase {
		case "plan":
			tellPlan(out, e)
		case "apply":
			changes = len(e.Changes)
		case "done":
			fmt.Fprintf(out, "%s … %s, %.1f s%s\n", title(e), count(changes), e.Took.Seconds(), note(e))
			changes = 0
		case "failed":
			fmt.Fprintf(out, "%s … failed: %s\n", title(e), e.Error)
		}
	}
}

func tellPlan(out io.Writer, e step.Event) {
	fmt.Fprintf(out, "%s … %s%s\n", title(e), count(len(e.Changes)), note(e))
	for _, c := range e.Changes {
		fmt.Fprintf(out, "    %s\n", c)
	}
}

func title(e step.Event) string { return fmt.Sprintf("[%d/%d] %s", e.Number, e.Of, e.Step) }

func count(n int) string {
	switch n {
	case 0:
		return "nothing to change"
	case 1:
		return "1 change"
	}
	return fmt.Sprintf("%d changes", n)
}

func note(e step.Event) string {
	if e.Note == "" {
		return ""
	}
	return " (" + e.Note + ")"
}

// tellEnd prints the line that a test or a person at the console waits for, and what to do when something failed.
func tellEnd(out io.Writer, err error) {
	var failed *step.Failed
	switch {
	case err == nil:
		fmt.Fprintln(out, "DEBVISOR-FIRSTBOOT-DONE")
		return
	case errors.As(err, &failed):
		fmt.Fprintf(out, "DEBVISOR-FIRSTBOOT-FAILED %s: %v\n", failed.Step, failed.Err)
	default:
		fmt.Fprintf(out, "DEBVISOR-FIRSTBOOT-FAILED before the first step: %v\n", err)
	}
	fmt.Fprintln(out, "See what happened: journalctl -u debvisor-firstboot")
	fmt.Fprintln(out, "See what is left:  debvisor-firstboot --plan")
	fmt.Fprintln(out, "Try again:         systemctl restart debvisor-firstboot (each boot does, too)")
}
