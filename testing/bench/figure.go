package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// Figure is a row of the table and a file in build/bench.
type Figure struct {
	Name     string   `json:"name"`
	Ours     float64  `json:"ours"`
	Peer     *float64 `json:"peer,omitempty"`
	Against  string   `json:"against,omitempty"` // what the peer is
	Ratio    *float64 `json:"ratio,omitempty"`   // ours / the peer's, below 1 where ours is better
	Goal     *Goal    `json:"goal,omitempty"`
	Unit     string   `json:"unit"`
	Runs     int      `json:"runs"`                // of ours; the median counts
	PeerRuns int      `json:"peer_runs,omitempty"` // of the peer's
	Error    string   `json:"error,omitempty"`     // why there is no figure
}

// Goal is the most that a figure should be.
type Goal struct {
	Of   string  `json:"of"` // "ratio" or "ours"
	Most float64 `json:"most"`
}

func ratio(most float64) *Goal { return &Goal{"ratio", most} }

func absolute(most float64) *Goal { return &Goal{"ours", most} }

// set fills a figure with the medians of what was measured. A peer may be missing.
func (f *Figure) set(ours, peer []float64) {
	f.Ours, f.Runs, f.PeerRuns = median(ours), len(ours), len(peer)
	if len(peer) == 0 {
		return
	}
	p := median(peer)
	f.Peer = &p
	if p != 0 {
		r := f.Ours / p
		f.Ratio = &r
	}
}

// missed says whether a figure is not what it should be.
func (f Figure) missed() bool {
	switch {
	case f.Goal == nil || f.Error != "":
		return false
	case f.Goal.Of == "ratio":
		return f.Ratio == nil || *f.Ratio > f.Goal.Most
	}
	return f.Ours > f.Goal.Most
}

func (f Figure) file(dir string) string {
	slug := strings.FieldsFunc(strings.ToLower(f.Name), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	return filepath.Join(dir, strings.Join(slug, "-")+".json")
}

func (f Figure) store(dir string) error {
	data, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(f.file(dir), append(data, '\n'), 0o644)
}

// read is the figure as it was stored; one that was not is a failure.
func (f Figure) read(dir string) Figure {
	data, err := os.ReadFile(f.file(dir))
	if err == nil {
		err = json.Unmarshal(data, &f)
	}
	if err != nil {
		f.Error = err.Error()
	}
	return f
}

func printTable(w io.Writer, figures []Figure) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "figure\tours\tpeer\tratio\tgoal\tunit\truns\tpeer is")
	for _, f := range figures {
		if f.Error != "" {
			fmt.Fprintf(t, "%s\t-\t-\t-\t%s\t%s\t-\tnot measured\n", f.Name, f.goal(), f.Unit)
			continue
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", f.Name, number(&f.Ours), number(f.Peer), number(f.Ratio), f.goal(), f.Unit, f.runs(), f.Against)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, f := range figures {
		if f.Error != "" {
			fmt.Fprintf(w, "not measured: %s: %s\n", f.Name, f.Error)
		}
	}
	return nil
}

func number(v *float64) string {
	if v == nil {
		return "-"
	}
	return strconv.FormatFloat(*v, 'g', 3, 64)
}

func (f Figure) goal() string {
	if f.Goal == nil {
		return "-"
	}
	text := fmt.Sprintf("%s ≤ %g", f.Goal.Of, f.Goal.Most)
	if f.missed() {
		text += " missed"
	}
	return text
}

func (f Figure) runs() string {
	if f.PeerRuns == 0 || f.PeerRuns == f.Runs {
		return strconv.Itoa(f.Runs)
	}
	return fmt.Sprintf("%d, peer %d", f.Runs, f.PeerRuns)
}

// median of an even number is the mean of the two in the middle.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
