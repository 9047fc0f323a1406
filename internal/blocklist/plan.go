package blocklist

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"debvisor/internal/blocklist/addrset"
	"debvisor/internal/blocklist/kernel"
	"debvisor/internal/host"
)

// Desired is what a node is to block.
type Desired struct {
	Settings
	Managed    []netip.Prefix // management networks that the node's answers name
	Texts      Texts          // lists that come from the controller
	Quarantine Quarantine     // as it is to be
	By         string         // who asks, for the record
	Now        time.Time
}

// Outcome is a plan and what it was made from.
type Outcome struct {
	Changes        []host.Change
	List           addrset.Set
	Added, Removed addrset.Set // beside the list that was loaded last
	Lines, Entries int
	Rejected       []addrset.Rejected // the first MaxRejected
	RejectedTotal  int
	Warnings       []string
	Took           map[string]time.Duration // by phase: read, kernel, file
}

// Plan plans the effective list, (block lists − whitelists) + quarantine, into the kernel and then into the files that
// tell of it. A list with a line that is no address, or one that would lock somebody out, is an error and plans nothing.
func Plan(ctx context.Context, h *host.Host, table Table, d Desired) (Outcome, error) {
	o := Outcome{Took: map[string]time.Duration{}}
	if _, err := table.Evidence(); err != nil { // who may not look at the kernel is told so before a long list is read
		return o, err
	}
	if err := timed(o.Took, "read", func() error { return o.compile(h, d) }); err != nil {
		return o, err
	}
	protected, err := Protect(ctx, h, slices.Concat(d.Management, d.Managed))
	if err != nil {
		return o, err
	}
	if err := d.guard(h, o.List, protected); err != nil {
		return o, err
	}
	if err := timed(o.Took, "kernel", func() error { return o.kernel(ctx, h, table) }); err != nil {
		return o, err
	}
	return o, timed(o.Took, "file", func() error { return o.files(h, d) })
}

func timed(took map[string]time.Duration, phase string, f func() error) error {
	start := time.Now()
	err := f()
	took[phase] = time.Since(start)
	return err
}

// compile reads the lists and computes what is blocked.
func (o *Outcome) compile(h *host.Host, d Desired) error {
	sources, err := d.present(h)
	if err != nil {
		return err
	}
	block, err := read(h, sources, d.Texts)
	if err != nil {
		return err
	}
	allow, err := read(h, d.Whitelists, d.Texts)
	if err != nil {
		return err
	}
	for _, r := range []*addrset.Reader{block, allow} {
		o.take(r)
	}
	if o.RejectedTotal > 0 && !d.SkipInvalid {
		return &Invalid{First: o.Rejected, Total: o.RejectedTotal}
	}
	o.List = block.Set().Except(allow.Set()).Union(d.Quarantine.set())
	return nil
}

// present are the sources without the default one where nobody has made it yet. Once anything was blocked, a file that
// is gone is a mistake and no wish to block nothing.
func (d Desired) present(h *host.Host) ([]string, error) {
	if !slices.Contains(d.Sources, DefaultSource) {
		return d.Sources, nil
	}
	_, err := h.Stat(DefaultSource)
	if !errors.Is(err, fs.ErrNotExist) {
		return d.Sources, err
	}
	if list, _, err := Loaded(h); err != nil || !list.IsEmpty() {
		return d.Sources, err
	}
	return slices.DeleteFunc(slices.Clone(d.Sources), func(p string) bool { return p == DefaultSource }), nil
}

func (o *Outcome) take(r *addrset.Reader) {
	lines, entries := r.Counts()
	first, total := r.Rejected()
	o.Lines += lines
	o.Entries += entries
	o.Rejected = append(o.Rejected, first...)
	o.Rejected = o.Rejected[:min(len(o.Rejected), MaxRejected)]
	o.RejectedTotal += total
	warnings, all := r.Warnings()
	for _, w := range warnings {
		o.Warnings = append(o.Warnings, w.String())
	}
	if more := all - len(warnings); more > 0 {
		o.Warnings = append(o.Warnings, fmt.Sprintf("and %d more lines like these", more))
	}
}

// kernel plans the list into the kernel. What the last run left is known to be untouched by the kernel's own count of
// changes; where somebody changed anything at all, even in another table, the table is looked at.
func (o *Outcome) kernel(ctx context.Context, h *host.Host, table Table) error {
	old, known, err := Loaded(h)
	if err != nil {
		return err
	}
	same := o.List.Equal(old)
	if !same {
		o.Added, o.Removed = o.List.Except(old), old.Except(o.List)
	}
	untouched := false
	if known {
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

// files plans what goes before the change of the kernel, and what after it. Before: the large files under names of their
// own, so that a full disk changes nothing, and the audit records, so that nobody is cut off without one. After: what the
// next boot and the next plan read.
func (o *Outcome) files(h *host.Host, d Desired) error {
	before, renames, err := o.staged(h)
	if err != nil {
		return err
	}
	quarantined, err := ReadQuarantine(h)
	if err != nil {
		return err
	}
	records, err := audit(quarantined, d.Quarantine, d.By, d.Now)
	if err != nil {
		return err
	}
	small, err := d.small(h)
	o.Changes = slices.Concat(before, records, o.Changes, renames, small)
	return err
}

// staged plans the file for nft and the record of the list.
func (o *Outcome) staged(h *host.Host) (before, after []host.Change, err error) {
	list, err := o.List.MarshalBinary()
	if err != nil {
		return nil, nil, err
	}
	for _, f := range []host.File{{Path: ConfPath, Content: Conf(o.List), Mode: 0o644}, {Path: ListPath, Content: string(list), Mode: 0o600}} {
		changes, err := h.Need(f)
		if err != nil {
			return nil, nil, err
		}
		aside := f.Path + ".new"
		if len(changes) == 0 { // what is left of a run that was cut off
			changes, err = h.Need(host.Absent{Path: aside})
		}
		if w, ok := write(changes); ok {
			w.Path = aside
			before, changes = append(before, w), []host.Change{host.Rename{From: aside, To: f.Path}}
		}
		after = append(after, changes...)
		if err != nil {
			return nil, nil, err
		}
	}
	return before, after, nil
}

func write(changes []host.Change) (host.Write, bool) {
	if len(changes) != 1 {
		return host.Write{}, false
	}
	w, ok := changes[0].(host.Write)
	return w, ok
}

// small plans the files by which the next plan knows what was asked for.
func (d Desired) small(h *host.Host) ([]host.Change, error) {
	settings, err := d.Settings.file()
	if err != nil {
		return nil, err
	}
	quarantine, err := d.Quarantine.file()
	if err != nil {
		return nil, err
	}
	wants := []host.Want{settings, quarantine}
	for _, p := range slices.Sorted(maps.Keys(d.Texts)) {
		wants = append(wants, host.File{Path: p, Content: d.Texts[p].Content, Mode: 0o644})
	}
	stale, err := staleCopies(h, d.Settings)
	if err != nil {
		return nil, err
	}
	return h.Need(append(wants, stale...)...)
}

// staleCopies are lists of the controller that nobody names any more.
func staleCopies(h *host.Host, s Settings) ([]host.Want, error) {
	found, err := h.Glob(CopiesDir + "/*")
	if err != nil {
		return nil, err
	}
	var wants []host.Want
	for _, p := range found {
		if !slices.Contains(s.Sources, p) && !slices.Contains(s.Whitelists, p) {
			wants = append(wants, host.Absent{Path: p})
		}
	}
	return wants, nil
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
