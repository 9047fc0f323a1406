package installer

import (
	"errors"
	"fmt"

	"debvisor/config"
	"debvisor/internal/disk"
	"debvisor/internal/exit"
	"debvisor/internal/manifest"
	"debvisor/internal/netcfg"
)

// errCards is in the error when br0 cannot be made of the cards that there are.
var errCards = errors.New("network.ports")

// decide makes a plan. Where the disks are this machine's, the answers are held against the rest of it too: a first boot
// that stops at the network or before the accounts ends in a node that nobody reaches.
func (in *Installer) decide(a Answers, m *manifest.Manifest, facts disk.Facts, here bool) (*Plan, error) {
	if here {
		if err := in.checkPlace(a.Node.Host); err != nil {
			return nil, err
		}
	}
	p, err := NewPlan(a, m, facts)
	if err != nil {
		return nil, err
	}
	if here {
		if err := in.checkCards(a.Node.Network); err != nil {
			return nil, err
		}
	}
	p.Cmdline, err = in.kernelCommandLine()
	return p, err
}

// checkCards chooses the cards of br0 as the first boot will: they have the same names and addresses there.
func (in *Installer) checkCards(n config.Network) error {
	cards, err := netcfg.Cards(in.Live)
	if err != nil {
		return err
	}
	var b netcfg.Bridge
	for _, p := range n.Ports {
		b.Ports = append(b.Ports, netcfg.Port(p))
	}
	if _, err := b.Files(cards); err != nil {
		return exit.With(exit.NoMatch, fmt.Errorf("%w: %w", errCards, err))
	}
	return nil
}
