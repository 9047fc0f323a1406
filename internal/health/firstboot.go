package health

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
)

const (
	firstbootUnit    = "debvisor-firstboot.service"
	firstbootJournal = "/var/lib/debvisor/firstboot.journal"
)

// A complete first boot disables its own unit, and only then. The steps are not planned again here: that is
// debvisor-firstboot --plan.
func firstboot(ctx context.Context, n *Node, r *Result) error {
	u, err := n.unit(ctx, firstbootUnit)
	if err != nil {
		return err
	}
	switch {
	case u["LoadState"] != "loaded":
		r.fail("%s is %s", firstbootUnit, u["LoadState"])
	case u["ActiveState"] == "activating":
		r.warn("still running")
	case u["ActiveState"] == "failed" || u["Result"] != "success":
		r.fail("%s failed (%s)", firstbootUnit, u["Result"])
	case u["UnitFileState"] == "enabled":
		r.fail("not complete: %s is still enabled", firstbootUnit)
	}
	return n.lastStep(r)
}

// lastStep says how far the first boot came. Only the last entry counts: a step that failed and later had nothing to do
// leaves its failure in the journal.
func (n *Node) lastStep(r *Result) error {
	data, err := n.ReadFile(firstbootJournal)
	if err != nil {
		return err
	}
	lines := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
	var last struct{ Step, Phase, Error string }
	if err := json.Unmarshal(lines[len(lines)-1], &last); err != nil {
		return fmt.Errorf("read the last line of %s: %w", firstbootJournal, err)
	}
	switch {
	case last.Phase == "failed":
		r.fail("step %s: %s", last.Step, last.Error)
	case last.Phase == "begin" && r.Status != Warn:
		r.fail("step %s began and did not finish", last.Step)
	default:
		r.ok("complete")
	}
	return nil
}
