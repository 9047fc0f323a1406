package nft

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"strings"

	"debvisor/internal/host"
	"debvisor/internal/names"
	"debvisor/internal/pattern"
)

var managementElements = pattern.Lazy(`(?m)^add element inet debvisor management[46] \{ (.*) \}$`)

// Management are the networks that may reach SSH, by the base ruleset that was confirmed last: none where there is no such
// file, or where every network may.
func Management(h *host.Host) ([]netip.Prefix, error) {
	data, err := h.ReadFile(BasePath)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []netip.Prefix
	for _, m := range managementElements().FindAllStringSubmatch(string(data), -1) {
		for text := range strings.SplitSeq(m[1], ", ") {
			p, err := netip.ParsePrefix(text)
			if err != nil {
				return nil, fmt.Errorf("read %s: %w", BasePath, err)
			}
			all = append(all, p)
		}
	}
	return all, nil
}

// Asked are the networks that a node's answers name for managing it; none where it has no answers. The node's own command
// reads them, so that the Ansible modules need not know what answers look like.
func Asked(ctx context.Context, h *host.Host) ([]netip.Prefix, error) {
	if !h.Exists(names.Answers) {
		return nil, nil
	}
	out, err := h.Run(ctx, names.Debvisor, "answers", "management")
	if err != nil {
		return nil, err
	}
	var all []netip.Prefix
	for _, line := range strings.Fields(string(out)) {
		p, err := netip.ParsePrefix(line)
		if err != nil {
			return nil, fmt.Errorf("read what %s answers management says: %w", names.Debvisor, err)
		}
		all = append(all, p)
	}
	return all, nil
}
