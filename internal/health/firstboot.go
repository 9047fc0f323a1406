package health

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
)

const (
	firstbootUnit    = "debvisor-firstboot.service"
	firstbootJournal = "/var/lib/debvisor/firstboot.journal"
)

// The unit decides: a complete first boot disables it, and only then. The journal says how far it came. The steps are not
// planned again here: that is debvisor-firstboot --plan.
func firstboot(ctx context.Context, n *Node, r *Result) error {
	u, err := n.unit(ctx, firstbootUnit)
	if err != nil {
		return err
	}
	entries, err := n.journal()
	switch {
	case u["LoadState"] != "loaded":
		r.fail("%s is %s", firstbootUnit, u["LoadState"])
	case u["ActiveState"] == "activating":
		r.warn("still running; %s", last(entries))
	case u["ActiveState"] == "failed" || u["Result"] != "success":
		r.fail("%s failed (%s); %s", firstbootUnit, u["Result"], last(entries))
	case u["UnitFileState"] == "enabled":
		r.fail("not complete: %s is still enabled; %s", firstbootUnit, last(entries))
	case err == nil && !slices.ContainsFunc(entries, entry.finished):
		r.fail("not complete; %s", last(entries))
	}
	r.ok("complete")
	return err
}

// entry is a line of the journal of first boot's steps.
type entry struct{ Step, Phase, Error string }

// finished: the last step disables the unit, so that it has something to do in the run that completes, and is recorded.
func (e entry) finished() bool { return e.Step == "finish" && e.Phase == "done" }

func last(entries []entry) string {
	if len(entries) == 0 {
		return "no step is known to have begun"
	}
	e := entries[len(entries)-1]
	if e.Error != "" {
		return fmt.Sprintf("last step: %s %s: %s", e.Step, e.Phase, e.Error)
	}
	return fmt.Sprintf("last step: %s %s", e.Step, e.Phase)
}

func (n *Node) journal() ([]entry, error) {
	data, err := n.ReadFile(firstbootJournal)
	var all []entry
	for line := range bytes.Lines(data) {
		var e entry
		if json.Unmarshal(line, &e) == nil { // a half-written last line says nothing
			all = append(all, e)
		}
	}
	return all, err
}
