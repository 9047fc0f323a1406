package profile

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"debvisor/internal/host"
)

// Where the summary is kept.
const (
	SummaryText = "/var/log/debvisor/profile-summary.txt"
	SummaryJSON = "/var/log/debvisor/profile-summary.json"
)

// Summary is profile-summary.json.
type Summary struct {
	Profile     string    `json:"profile"`
	Source      string    `json:"source"`
	GeneratedAt time.Time `json:"generated_at"`
}

// PlanSummary plans both summaries of the machine's profile. A summary that says the same keeps its time. The profile
// file must be there and right.
func PlanSummary(h *host.Host, now time.Time) ([]host.Change, error) {
	data, err := h.ReadFile(Path)
	if err != nil {
		return nil, err
	}
	name, err := Parse(string(data))
	if err != nil {
		return nil, err
	}
	want := Summary{Profile: name, Source: Path, GeneratedAt: now.UTC().Truncate(time.Second)}
	if old, err := readSummary(h); err != nil {
		return nil, err
	} else if old.Profile == want.Profile && old.Source == want.Source {
		want.GeneratedAt = old.GeneratedAt
	}
	text, err := json.MarshalIndent(want, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the profile summary: %w", err)
	}
	return h.Need(
		host.Dir{Path: "/var/log/debvisor", Mode: 0o755},
		host.File{Path: SummaryText, Content: "DebVisor storage profile: " + name + "\n", Mode: 0o644},
		host.File{Path: SummaryJSON, Content: string(text) + "\n", Mode: 0o644})
}

// readSummary returns an empty summary when there is none, or one that cannot be read: it is made anew.
func readSummary(h *host.Host) (Summary, error) {
	var s Summary
	data, err := h.ReadFile(SummaryJSON)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	if json.Unmarshal(data, &s) != nil {
		return Summary{}, nil
	}
	return s, nil
}
