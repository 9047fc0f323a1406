package blocklist

import (
	"maps"
	"slices"

	"debvisor/internal/host"
)

// files plans what goes before the change of the kernel, and what after it. Before: the large files under names of their
// own, so that a full disk changes nothing; then the audit records, so that nobody is cut off without one; then the quarantine,
// so that a run that is cut off is finished by the next. After: what the next boot and the next plan read.
func (o *Outcome) files(h *host.Host, d Desired, was state) error {
	before, renames, err := o.staged(h)
	if err != nil {
		return err
	}
	records, err := audit(was.quarantine, d.Quarantine, d.By, d.Now)
	if err != nil {
		return err
	}
	quarantine, err := d.Quarantine.changes(h)
	if err != nil {
		return err
	}
	var settings []host.Change
	if !d.KeepLists {
		settings, err = d.settings(h)
	}
	o.Changes = slices.Concat(before, records, quarantine, o.Changes, renames, settings)
	return err
}

// staged plans the file for nft and the record of what the lists gave.
func (o *Outcome) staged(h *host.Host) (before, after []host.Change, err error) {
	base, err := o.base.MarshalBinary()
	if err != nil {
		return nil, nil, err
	}
	for _, f := range []host.File{{Path: ConfPath, Content: Conf(o.List), Mode: 0o644}, {Path: ListPath, Content: string(base), Mode: 0o644}} {
		changes, err := h.Need(f)
		if err != nil {
			return nil, nil, err
		}
		aside := f.Path + aside
		if w, ok := write(changes); ok {
			w.Path = aside
			before, changes = append(before, w), []host.Change{host.Rename{From: aside, To: f.Path}}
		} else if changes, err = h.Need(f, host.Absent{Path: aside}); err != nil { // what is left of a run that was cut off
			return nil, nil, err
		}
		after = append(after, changes...)
	}
	return before, after, nil
}

// aside is what a large file's name ends in until it is in force.
const aside = ".new"

func write(changes []host.Change) (host.Write, bool) {
	if len(changes) != 1 {
		return host.Write{}, false
	}
	w, ok := changes[0].(host.Write)
	return w, ok
}

// settings plans how the lists are read the next time: first what the settings name, then they, then what they name no
// more.
func (d Desired) settings(h *host.Host) ([]host.Change, error) {
	var wants []host.Want
	for _, p := range slices.Sorted(maps.Keys(d.Texts)) {
		wants = append(wants, host.File{Path: p, Content: d.Texts[p].Content, Mode: 0o644})
	}
	settings, err := d.Settings.file()
	if err != nil {
		return nil, err
	}
	stale, err := staleCopies(h, d.Settings)
	if err != nil {
		return nil, err
	}
	return h.Need(append(append(wants, settings), stale...)...)
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
