package netcfg

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"debvisor/internal/host"
)

// Card is a network interface that could be in a bridge.
type Card struct {
	Name, MAC string
	Physical  bool // a wired card of this machine, not one that software made
}

func (c Card) String() string { return c.Name + " (" + c.MAC + ")" }

// Cards lists the machine's Ethernet interfaces by name.
func Cards(h *host.Host) ([]Card, error) {
	entries, err := h.ReadDir("/sys/class/net")
	if err != nil {
		return nil, fmt.Errorf("list network cards: %w", err)
	}
	var cards []Card
	for _, e := range entries {
		c, err := readCard(h, e.Name())
		if errors.Is(err, fs.ErrNotExist) {
			continue // not a card (bonding_masters), or gone since
		}
		if err != nil {
			return nil, fmt.Errorf("look at network card %s: %w", e.Name(), err)
		}
		if c.Name != "" {
			cards = append(cards, c)
		}
	}
	return cards, nil
}

const ethernet = "1" // ARPHRD_ETHER

// readCard returns an empty Card for what cannot be in br0.
func readCard(h *host.Host, name string) (Card, error) {
	dir := "/sys/class/net/" + name
	info, err := h.Stat(dir)
	if err != nil || !info.IsDir() {
		return Card{}, err
	}
	kind, err := h.ReadFile(dir + "/type")
	if err != nil {
		return Card{}, err
	}
	mac, err := h.ReadFile(dir + "/address")
	if err != nil {
		return Card{}, err
	}
	if strings.TrimSpace(string(kind)) != ethernet || h.Exists(dir+"/bridge") {
		return Card{}, nil
	}
	radio := h.Exists(dir+"/wireless") || h.Exists(dir+"/phy80211")
	virtualFunction := h.Exists(dir + "/device/physfn")
	return Card{Name: name, MAC: strings.TrimSpace(string(mac)), Physical: h.Exists(dir+"/device") && !radio && !virtualFunction}, nil
}

func onlyPhysical(cards []Card) []Card {
	var all []Card
	for _, c := range cards {
		if c.Physical {
			all = append(all, c)
		}
	}
	return all
}

func list(cards []Card) string {
	if len(cards) == 0 {
		return "no wired network card"
	}
	names := make([]string, len(cards))
	for i, c := range cards {
		names[i] = c.String()
	}
	return strings.Join(names, ", ")
}
