package blocklist

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"time"

	"debvisor/internal/blocklist/addrset"
	"debvisor/internal/host"
)

// Desired is what a node is to block.
type Desired struct {
	Settings
	Managed    []netip.Prefix // management networks that the node itself knows of
	Texts      Texts          // lists that come from the controller
	KeepLists  bool           // the lists stay as they were loaded last; only the quarantine changes
	Quarantine Quarantine     // as it is to be
	By         string         // who asks, for the record
	Now        time.Time
}

// Outcome is a plan and what it was made from.
type Outcome struct {
	Changes        []host.Change
	List           addrset.Set // all that is to be blocked
	Added, Removed addrset.Set // beside what was loaded last
	Lines, Entries int
	Rejected       []addrset.Rejected // the first MaxRejected
	RejectedTotal  int
	Warnings       []string
	Took           map[string]time.Duration // by phase: read, kernel, file

	base addrset.Set // what the lists give, without the quarantine
}

// Plan plans the effective list, (block lists − whitelists) + quarantine, into the kernel and then into the files that
// tell of it. A list with a line that is no address, or one that would lock somebody out, is an error and plans nothing.
func Plan(ctx context.Context, h *host.Host, table Table, d Desired) (Outcome, error) {
	o := Outcome{Took: map[string]time.Duration{}}
	if _, err := table.Evidence(); err != nil { // who may not look at the kernel is told so before a long list is read
		return o, err
	}
	was, err := readState(h)
	if err != nil {
		return o, err
	}
	sources, err := d.present(h, was)
	if err != nil {
		return o, err
	}
	if err := timed(o.Took, "read", func() error { return o.compile(ctx, h, table, d, sources, was) }); err != nil {
		return o, err
	}
	protected, err := Protect(ctx, h, slices.Concat(d.Management, d.Managed))
	if err != nil {
		return o, err
	}
	if err := d.guard(h, &o, sources, was.quarantine, protected); err != nil {
		return o, err
	}
	if err := timed(o.Took, "kernel", func() error { return o.kernel(ctx, h, table, was) }); err != nil {
		return o, err
	}
	return o, timed(o.Took, "file", func() error { return o.files(h, d, was) })
}

func timed(took map[string]time.Duration, phase string, f func() error) error {
	start := time.Now()
	err := f()
	took[phase] = time.Since(start)
	return err
}

// compile computes what is to be blocked.
func (o *Outcome) compile(ctx context.Context, h *host.Host, table Table, d Desired, sources []string, was state) error {
	var err error
	if d.KeepLists {
		o.base, err = kept(ctx, table, was)
	} else {
		o.base, err = o.read(h, d, sources)
	}
	o.List = o.base.Union(d.Quarantine.set())
	return err
}

// kept is what the lists gave last. Where that is not known any more, although something is in force, a quarantine would take
// it out of force.
func kept(ctx context.Context, table Table, was state) (addrset.Set, error) {
	if was.known {
		return was.base, nil
	}
	status, err := table.Status(ctx)
	if err == nil && status.Present {
		err = fmt.Errorf("this node blocks something, and %s does not tell what any more: apply the blocklist role first", ListPath)
	}
	return addrset.Set{}, err
}

func (o *Outcome) read(h *host.Host, d Desired, sources []string) (addrset.Set, error) {
	block, err := read(h, sources, d.Texts)
	if err != nil {
		return addrset.Set{}, err
	}
	allow, err := read(h, d.Whitelists, d.Texts)
	if err != nil {
		return addrset.Set{}, err
	}
	for _, r := range []*addrset.Reader{block, allow} {
		o.take(r)
	}
	if o.RejectedTotal > 0 && !d.SkipInvalid {
		return addrset.Set{}, &Invalid{First: o.Rejected, Total: o.RejectedTotal}
	}
	return block.Set().Except(allow.Set()), nil
}

// present are the sources without the default one where nobody has made it yet. Once the lists blocked anything, a file that
// is gone is a mistake and no wish to block nothing.
func (s Settings) present(h *host.Host, was state) ([]string, error) {
	if !slices.Contains(s.Sources, DefaultSource) {
		return s.Sources, nil
	}
	_, err := h.Stat(DefaultSource)
	if !errors.Is(err, fs.ErrNotExist) || !was.base.IsEmpty() {
		return s.Sources, ignoreMissing(err)
	}
	return slices.DeleteFunc(slices.Clone(s.Sources), func(p string) bool { return p == DefaultSource }), nil
}

// ignoreMissing: reading the list says it better.
func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
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
