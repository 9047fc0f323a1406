package netcfg

import (
	"slices"

	"debvisor/internal/host"
)

// Wants are the files of br0 on this machine, and the absence of those that an earlier configuration left behind. Making
// systemd-networkd read them is the caller's.
func (b Bridge) Wants(h *host.Host) ([]host.Want, error) {
	cards, err := Cards(h)
	if err != nil {
		return nil, err
	}
	files, err := b.Files(cards)
	if err != nil {
		return nil, err
	}
	stale, err := staleFiles(h, files)
	return append(files, stale...), err
}

func staleFiles(h *host.Host, keep []host.Want) ([]host.Want, error) {
	names, err := h.Glob(Dir + "/" + Prefix + "*")
	if err != nil {
		return nil, err
	}
	var stale []host.Want
	for _, name := range names {
		if !slices.ContainsFunc(keep, func(w host.Want) bool { return w.(host.File).Path == name }) {
			stale = append(stale, host.Absent{Path: name})
		}
	}
	return stale, nil
}
