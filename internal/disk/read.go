package disk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"debvisor/internal/host"
)

// Options widen what Read looks at.
type Options struct {
	Loops bool // loop devices count as disks: for tests and for installing to an image file
}

// Read describes and probes every whole disk of a machine: not partitions, optical drives, RAM disks, zvols or anything
// stacked on other devices. A disk that cannot be probed is still listed, with the doubt that makes it not empty.
func Read(ctx context.Context, h *host.Host, o Options) (Facts, error) {
	g, err := readGraph(h)
	if err != nil {
		return Facts{}, err
	}
	f := Facts{Disks: []Disk{}}
	for _, name := range g.disks(o) {
		d, err := g.describe(name)
		if err != nil {
			return Facts{}, err
		}
		d.Contents = inspect(ctx, h, d)
		f.Disks = append(f.Disks, d)
	}
	g.attribute(f.Disks)
	return f, nil
}

// inspect probes a disk's device and asks wipefs for a second opinion.
func inspect(ctx context.Context, h *host.Host, d Disk) Contents {
	if d.Size <= 0 {
		return Contents{}
	}
	p, err := h.Path(d.Path)
	if err != nil {
		return Contents{Doubts: []string{err.Error()}}
	}
	f, err := os.Open(p)
	if err != nil {
		return Contents{Doubts: []string{fmt.Sprintf("open %s: %v", d.Path, errors.Unwrap(err))}}
	}
	defer f.Close()
	c := Probe(f, d.Size, d.Sector)
	c.Doubts = append(c.Doubts, secondOpinion(ctx, h, d.Path, c)...)
	return c
}

// secondOpinion returns what wipefs sees and the probe does not. Without its answer the disk does not count as empty.
func secondOpinion(ctx context.Context, h *host.Host, device string, c Contents) []string {
	out, err := h.Run(ctx, "wipefs", "-n", "--json", device)
	if err != nil {
		return []string{err.Error()}
	}
	seen, err := parseWipefs(out)
	if err != nil {
		return []string{err.Error()}
	}
	var doubts []string
	for _, s := range seen {
		known := slices.ContainsFunc(c.Signatures, func(own Signature) bool { return strings.EqualFold(own.Kind, s.Kind) })
		if doubt := fmt.Sprintf("wipefs sees %s at %s", clean(s.Kind), clean(s.Offset)); !known && len(doubts) < maxDoubts {
			doubts = append(doubts, doubt)
		}
	}
	return doubts
}

// wiped is an entry of wipefs's answer.
type wiped struct {
	Offset string `json:"offset"`
	Kind   string `json:"type"`
}

// parseWipefs reads the answer; old versions print nothing at all when there is nothing.
func parseWipefs(out []byte) ([]wiped, error) {
	if strings.TrimSpace(string(out)) == "" {
		return nil, nil
	}
	var answer struct {
		Signatures []wiped `json:"signatures"`
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		return nil, fmt.Errorf("read the answer of wipefs: %w", err)
	}
	return answer.Signatures, nil
}
