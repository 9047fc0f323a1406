package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"

	"debvisor/internal/host"
	"debvisor/internal/names"
	"debvisor/internal/nft"
)

// AnswersPath is where an installed node keeps its answers.
const AnswersPath = names.Answers

// Management are the networks that a node's answers name for managing it; none where it has no answers.
func Management(h *host.Host) ([]netip.Prefix, error) {
	data, err := h.ReadFile(AnswersPath)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	n, err := ParseNode(AnswersPath, data)
	if err != nil {
		return nil, err
	}
	return n.Network.ManagementNetworks()
}

// Managed are all networks that a node is looked after from: those of its answers, and those that its firewall lets in.
func Managed(h *host.Host) ([]netip.Prefix, error) {
	asked, err := Management(h)
	if err != nil {
		return nil, err
	}
	let, err := nft.Management(h)
	return append(asked, let...), err
}

// ManagementNetworks are the networks of network.management.
func (n Network) ManagementNetworks() ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, s := range n.Management {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, fmt.Errorf("read network.management: %w", err)
		}
		all = append(all, p)
	}
	return all, nil
}
