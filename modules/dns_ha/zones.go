package dns_ha

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"debvisor/internal/dns"
	"debvisor/internal/dns/named"
	"debvisor/internal/host"
)

// arbiterContent has nothing but what a zone must have.
const arbiterContent = "$TTL 60\n@ SOA localhost. root.localhost. 1 3600 600 1209600 60\n@ NS localhost.\n"

// zoneFiles plans the first content of the zones that this server begins. One that exists belongs to named, and its clients
// have written to it: it is never looked into.
func (p params) zoneFiles(ctx context.Context, h *host.Host, s dns.Server) ([]host.Change, error) {
	contents := map[string]string{}
	if s.Arbitrates {
		contents[dns.ArbiterZone] = arbiterContent
	}
	if s.First {
		for _, z := range s.Zones {
			contents[z.Name] = p.content(z)
		}
	}
	var changes []host.Change
	for _, name := range sorted(contents) {
		file := named.ZoneFile(name)
		if h.Exists(file) {
			continue
		}
		if h.Exists(file + ".jnl") {
			return nil, fmt.Errorf("%s.jnl has changes of a zone whose file is gone: bring %s back from a backup, or remove the journal to begin anew", file, file)
		}
		if err := checkZone(ctx, h, name, contents[name]); err != nil {
			return nil, err
		}
		changes = append(changes, host.Write{Path: file, After: contents[name], Mode: 0o644, Owner: "bind:bind", New: true})
	}
	return changes, nil
}

func sorted(m map[string]string) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// content is a zone's first content; in a reverse zone with the names of the servers whose addresses are in it.
func (p params) content(z dns.Zone) string {
	if z.Guests != "" {
		return p.Content
	}
	var b strings.Builder
	b.WriteString(strings.TrimSuffix(p.ReverseContent, "\n") + "\n")
	for _, text := range sorted(p.Names) {
		a, err := netip.ParseAddr(text)
		if err != nil {
			continue // Validate has said so
		}
		if label, in := strings.CutSuffix(named.ReverseName(a), "."+z.Name); in {
			fmt.Fprintf(&b, "%s PTR %s.\n", label, p.Names[text])
		}
	}
	return b.String()
}

func checkZone(ctx context.Context, h *host.Host, name, content string) error {
	out, err := h.Runner.Run(ctx, host.Cmd{Args: []string{"named-checkzone", "-l", strconv.Itoa(named.LongestTTL), name, "/dev/stdin"}, Stdin: content})
	if err != nil {
		parameter := "content"
		if strings.HasSuffix(name, ".arpa") {
			parameter = "reverse_content"
		}
		return fmt.Errorf("%s: it is not the content of a zone: %s: %w", parameter, strings.TrimSpace(string(out)), err)
	}
	return nil
}
