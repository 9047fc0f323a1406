package blocklist

import (
	"errors"
	"io/fs"
	"net/netip"
	"time"

	"debvisor/internal/blocklist/addrset"
	"debvisor/internal/host"
)

// Stats counts what a node's lists hold, and the list that was loaded last.
type Stats struct {
	Lists       []ListStats `json:"lists"`
	Quarantined int         `json:"quarantined"`
	RangesIPv4  int         `json:"ranges_ipv4"`
	RangesIPv6  int         `json:"ranges_ipv6"`
	SHA256      string      `json:"sha256"`
}

// ListStats counts one list; Kind is "block" or "allow".
type ListStats struct {
	Kind     string `json:"kind"`
	Path     string `json:"path"`
	Lines    int    `json:"lines"`
	Entries  int    `json:"entries"`
	Rejected int    `json:"rejected"`
}

// Count reads a node's lists as its settings name them.
func Count(h *host.Host, now time.Time) (Stats, error) {
	var s Stats
	settings, err := ReadSettings(h)
	if err != nil {
		return s, err
	}
	was, err := readState(h)
	if err != nil {
		return s, err
	}
	sources, err := settings.present(h, was)
	if err != nil {
		return s, err
	}
	for _, kind := range []struct {
		name  string
		paths []string
	}{{"block", sources}, {"allow", settings.Whitelists}} {
		for _, p := range kind.paths {
			r, err := read(h, []string{p}, nil)
			if err != nil {
				return s, err
			}
			lines, entries := r.Counts()
			_, rejected := r.Rejected()
			s.Lists = append(s.Lists, ListStats{Kind: kind.name, Path: p, Lines: lines, Entries: entries, Rejected: rejected})
		}
	}
	list := was.list()
	n := list.Sizes()
	s.Quarantined, s.RangesIPv4, s.RangesIPv6, s.SHA256 = len(was.quarantine.At(now)), n.Hosts4+n.Nets4, n.Hosts6+n.Nets6, list.Digest()
	return s, nil
}

// Why are the lines of the node's lists that name any of some addresses; none where the role has not run.
func Why(h *host.Host, wanted []netip.Addr) (block, allow []addrset.Line, err error) {
	settings, err := ReadSettings(h)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	was, err := readState(h)
	if err != nil {
		return nil, nil, err
	}
	sources, err := settings.present(h, was)
	if err != nil {
		return nil, nil, err
	}
	set := addrset.Of(single(wanted...)...)
	if block, err = Where(h, sources, nil, set); err != nil {
		return nil, nil, err
	}
	allow, err = Where(h, settings.Whitelists, nil, set)
	return block, allow, err
}
