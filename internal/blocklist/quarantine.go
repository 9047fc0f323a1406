package blocklist

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"debvisor/internal/blocklist/addrset"
	"debvisor/internal/host"
)

// Entry is an address in quarantine: blocked whatever the lists say, until a time or until it is released.
type Entry struct {
	Address netip.Addr `json:"address"`
	Reason  string     `json:"reason"`
	By      string     `json:"by"`
	Force   bool       `json:"force,omitempty"` // also where it is protected
	Since   time.Time  `json:"since"`
	// Expires is as it was asked for, "24h" say; Until is what that meant then. Both are empty for an entry that stays.
	Expires string    `json:"expires,omitempty"`
	Until   time.Time `json:"until,omitzero"`
}

// Quarantine is ascending by address, each address once.
type Quarantine []Entry

// ReadQuarantine is the node's quarantine; empty when there is no file.
func ReadQuarantine(h *host.Host) (Quarantine, error) {
	data, err := h.ReadFile(QuarantinePath)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var q Quarantine
	if err := json.Unmarshal(data, &q); err != nil {
		return nil, fmt.Errorf("read %s: %w; mend the file, it holds the addresses in quarantine", QuarantinePath, err)
	}
	return q, nil
}

// NewEntry is an entry that begins now. Expires is "", a length of time such as 90m, 24h or 7d, or a time as 2026-12-01T12:00:00Z.
func NewEntry(address, reason, expires, by string, now time.Time) (Entry, error) {
	e := Entry{Reason: strings.TrimSpace(reason), By: by, Since: now.UTC().Truncate(time.Second), Expires: expires}
	a, err := ParseAddress(address)
	if err != nil {
		return e, err
	}
	e.Address = a
	if e.Reason == "" {
		return e, errors.New("quarantine: a reason is needed, for whoever reads the record later")
	}
	e.Until, err = until(expires, e.Since)
	return e, err
}

// ParseAddress reads the address of a quarantine.
func ParseAddress(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return a, fmt.Errorf("quarantine: %q is not an address; it takes one IPv4 or IPv6 address", s)
	}
	return a.Unmap(), nil
}

func until(expires string, now time.Time) (time.Time, error) {
	if expires == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, expires)
	if err != nil {
		var length time.Duration
		if length, err = duration(expires); err == nil {
			at = now.Add(length)
		}
	}
	switch {
	case err != nil:
		return at, fmt.Errorf("quarantine: %q is no length of time (90m, 24h, 7d) and no time (2026-12-01T12:00:00Z)", expires)
	case !at.After(now):
		return at, fmt.Errorf("quarantine: %s is over already", expires)
	}
	return at.UTC(), nil
}

// duration is Go's, and days, which people think in.
func duration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err
	}
	return time.ParseDuration(s)
}

// Add puts an address into quarantine. Asking for the same again keeps the entry and its time: to make it longer, ask for
// something else.
func (q Quarantine) Add(e Entry) Quarantine {
	i, found := q.find(e.Address)
	switch {
	case !found:
		return slices.Insert(slices.Clone(q), i, e)
	case q[i].Reason == e.Reason && q[i].Expires == e.Expires && q[i].Force == e.Force:
		return q
	}
	q = slices.Clone(q)
	q[i] = e
	return q
}

// Release takes an address out of quarantine, if it is in it.
func (q Quarantine) Release(a netip.Addr) Quarantine {
	return slices.DeleteFunc(slices.Clone(q), func(e Entry) bool { return e.Address == a.Unmap() })
}

// At is what is left of the quarantine at a time.
func (q Quarantine) At(now time.Time) Quarantine {
	return slices.DeleteFunc(slices.Clone(q), func(e Entry) bool { return !e.Until.IsZero() && !now.Before(e.Until) })
}

// Expires reports whether any entry ends by itself, which needs somebody to look at the time.
func (q Quarantine) Expires() bool {
	return slices.ContainsFunc(q, func(e Entry) bool { return !e.Until.IsZero() })
}

func (q Quarantine) find(a netip.Addr) (int, bool) {
	return slices.BinarySearchFunc(q, a, func(e Entry, a netip.Addr) int { return e.Address.Compare(a) })
}

func (q Quarantine) set() addrset.Set {
	var all []netip.Prefix
	for _, e := range q {
		all = append(all, single(e.Address)...)
	}
	return addrset.Of(all...)
}

// changes plans the file in which the quarantine is kept; there is none when nothing is in it.
func (q Quarantine) changes(h *host.Host) ([]host.Change, error) {
	if len(q) == 0 {
		return h.Need(host.Absent{Path: QuarantinePath})
	}
	data, err := json.MarshalIndent(q, "", "  ")
	if err != nil {
		return nil, err
	}
	return h.Need(host.File{Path: QuarantinePath, Content: string(data) + "\n", Mode: 0o644})
}

// audit are the records of what differs between two quarantines: who cut whom off, why and for how long.
func audit(before, after Quarantine, by string, now time.Time) ([]host.Change, error) {
	var changes []host.Change
	for _, e := range after {
		if i, found := before.find(e.Address); !found || before[i] != e {
			if err := record(&changes, "quarantine", e, e.By, now); err != nil {
				return nil, err
			}
		}
	}
	for _, e := range before {
		if _, found := after.find(e.Address); found {
			continue
		}
		action, who := "release", by
		if !e.Until.IsZero() && !now.Before(e.Until) {
			action, who = "expire", "debvisor"
		}
		if err := record(&changes, action, e, who, now); err != nil {
			return nil, err
		}
	}
	return changes, nil
}

func record(changes *[]host.Change, action string, e Entry, by string, now time.Time) error {
	line, err := json.Marshal(struct {
		Time    time.Time  `json:"time"`
		Action  string     `json:"action"`
		Address netip.Addr `json:"address"`
		Reason  string     `json:"reason"`
		By      string     `json:"by"`
		Until   time.Time  `json:"until,omitzero"`
	}{now.UTC().Truncate(time.Second), action, e.Address, e.Reason, by, e.Until})
	*changes = append(*changes, host.Append{Path: AuditPath, Line: string(line), Mode: 0o640})
	return err
}
