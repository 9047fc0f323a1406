package blocklist

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"debvisor/internal/blocklist/addrset"
	"debvisor/internal/blocklist/kernel"
	"debvisor/internal/host"
)

// kernel plans the list into the kernel. What the last run left is known to be untouched by the kernel's own count of
// changes; where somebody changed anything at all, even in another table, the table is looked at.
func (o *Outcome) kernel(ctx context.Context, h *host.Host, table Table, was state) error {
	old := was.list()
	same := o.List.Equal(old)
	if !same {
		o.Added, o.Removed = o.List.Except(old), old.Except(o.List)
	}
	untouched := false
	if was.known {
		var err error
		if untouched, err = isUntouched(h, table, old); err != nil {
			return err
		}
	}
	switch {
	case untouched && same:
		return nil
	case untouched:
		o.load(h, table, fmt.Sprintf("change %s in the kernel", o.extent()), func(ctx context.Context) error { return table.Update(ctx, old, o.List) })
		return nil
	}
	return o.inspect(ctx, h, table)
}

// inspect looks at the table itself and plans what it needs.
func (o *Outcome) inspect(ctx context.Context, h *host.Host, table Table) error {
	difference, err := table.Inspect(ctx, o.List)
	if err != nil {
		return err
	}
	if wrong := difference.String(); wrong != "" {
		why := fmt.Sprintf("load %d ranges into the kernel: %s", o.List.Sizes().Total(), wrong)
		o.load(h, table, why, func(ctx context.Context) error { return table.Load(ctx, o.List) })
		return nil
	}
	return remember(ctx, h, table, o.List)
}

func (o *Outcome) load(h *host.Host, table Table, why string, do func(context.Context) error) {
	o.Changes = append(o.Changes, host.Call{Why: why, Before: lines(o.Removed), After: lines(o.Added), Do: func(ctx context.Context) error {
		if err := do(ctx); err != nil {
			return err
		}
		return remember(ctx, h, table, o.List)
	}})
}

// evidencePath is below /run: what was seen of the kernel means nothing after a boot.
const evidencePath = "/run/debvisor/blocklist.json"

// seen is what the kernel was known to hold, and the state in which it was.
type seen struct {
	List     string          `json:"list"` // digest
	Evidence kernel.Evidence `json:"evidence"`
}

func isUntouched(h *host.Host, table Table, list addrset.Set) (bool, error) {
	data, err := h.ReadFile(evidencePath)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var s seen
	if json.Unmarshal(data, &s) != nil || s.List != list.Digest() {
		return false, nil // cut off while it was written, or of another list: look at the kernel instead
	}
	now, err := table.Evidence()
	return err == nil && now.Generation != 0 && now == s.Evidence, err
}

// remember keeps how the kernel was when it was known to hold a list. It is a cache: losing it costs a look at the kernel,
// and it is no change of the node.
func remember(ctx context.Context, h *host.Host, table Table, list addrset.Set) error {
	e, err := table.Evidence()
	if err != nil || e.Generation == 0 { // somebody else changed something meanwhile
		return err
	}
	data, err := json.Marshal(seen{List: list.Digest(), Evidence: e})
	if err != nil {
		return err
	}
	return h.Apply(ctx, []host.Change{host.Write{Path: evidencePath, After: string(data) + "\n", Mode: 0o600}})
}

// shown is how many ranges a diff shows.
const shown = 100

// lines are the ranges of a list for a diff, a line each, as many as a person reads.
func lines(s addrset.Set) string {
	var b strings.Builder
	n := 0
	for p := range s.Prefixes() {
		if n++; n > shown {
			continue
		}
		fmt.Fprintln(&b, p)
	}
	if n > shown {
		fmt.Fprintf(&b, "and %d more\n", n-shown)
	}
	return b.String()
}

// extent says how much a change is.
func (o *Outcome) extent() string {
	return fmt.Sprintf("%d added and %d removed ranges", o.Added.Sizes().Total(), o.Removed.Sizes().Total())
}
