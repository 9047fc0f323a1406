package nft

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"regexp"
	"strings"

	"debvisor/internal/host"
)

var managementElements = regexp.MustCompile(`(?m)^add element inet debvisor management[46] \{ (.*) \}$`)

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
	for _, m := range managementElements.FindAllStringSubmatch(string(data), -1) {
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
