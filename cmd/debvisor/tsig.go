package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"debvisor/internal/host"
	"debvisor/internal/tsig"

	"github.com/spf13/cobra"
)

func tsigVerb() *cobra.Command {
	return group(&cobra.Command{
		Use:     "tsig",
		Short:   "make, show and rotate the keys that sign DNS messages",
		Example: "  sudo debvisor tsig show\n  sudo debvisor tsig run --force   # a new generation now",
	}, tsigKeygen(), tsigShow(), tsigRun(), tsigFacts(), tsigPrepare(), tsigAccept(), tsigProve(), tsigActivate(), tsigRetire())
}

func tsigKeygen() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keygen",
		Short: "make the keys that this node lacks",
		Long: `Makes keys of 256 bits for nodes, guests and zone transfers where BIND is installed, and gives this node's own clients
the ones in use. A key that is there is never replaced; a rotation does that. Secrets are not printed.`,
		Example: "  sudo tsig-keygen.sh\n  sudo debvisor tsig keygen --json",
		Args:    usage(cobra.NoArgs),
	}
	return withJSON(cmd, func(c *cobra.Command, _ []string, asJSON bool) error {
		h := host.New()
		changes, err := tsig.PlanKeys(c.Context(), h)
		if err != nil {
			return err
		}
		if err := h.Apply(c.Context(), changes); err != nil {
			return err
		}
		words := "all keys are there"
		if lines := changeLines(changes); len(lines) > 0 {
			words = strings.Join(lines, "\n")
		}
		return say(c, asJSON, map[string]any{"changed": len(changes) > 0, "changes": changeLines(changes)}, words)
	})
}

func changeLines(changes []host.Change) []string {
	lines := make([]string, len(changes))
	for i, c := range changes {
		lines[i] = c.String()
	}
	return lines
}

// shownKey is a key as an operator sees it.
type shownKey struct {
	Name        string `json:"name"`
	Role        string `json:"role"`
	Fingerprint string `json:"fingerprint"`
	Made        string `json:"made,omitempty"` // the day in its generation
	Days        int    `json:"days"`
	State       string `json:"use"`
	File        string `json:"file"`
}

func tsigShow() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show",
		Short: "list the keys of this node, without their secrets",
		Long: `Lists what this node's name server accepts and what the node itself signs with: names, ages and fingerprints, by which
keys of two nodes are compared.`,
		Example: "  sudo debvisor tsig show\n  sudo debvisor tsig show --json",
		Args:    usage(cobra.NoArgs),
	}
	h := machine(cmd)
	return withJSON(cmd, func(c *cobra.Command, _ []string, asJSON bool) error {
		keys, err := shownKeys(h, time.Now())
		if err != nil {
			return err
		}
		if asJSON {
			return printJSON(c.OutOrStdout(), map[string]any{"ok": true, "keys": keys})
		}
		return tableOf(c.OutOrStdout(), keys)
	})
}

func tableOf(w io.Writer, keys []shownKey) error {
	if len(keys) == 0 {
		_, err := fmt.Fprintln(w, "this node has no keys")
		return err
	}
	for _, k := range keys {
		if _, err := fmt.Fprintf(w, "%-26s %s  %4d days  %-9s %s\n", k.Name, k.Fingerprint, k.Days, k.State, k.File); err != nil {
			return err
		}
	}
	return nil
}

func shownKeys(h *host.Host, now time.Time) ([]shownKey, error) {
	server, err := tsig.ServerKeys(h)
	if err != nil {
		return nil, err
	}
	active, err := tsig.ReadActive(h)
	if err != nil {
		return nil, err
	}
	all := []shownKey{}
	for _, role := range tsig.Roles {
		current, _ := active.Current(server[role])
		for _, k := range server[role] {
			use := map[bool]string{true: "next", false: "previous"}[k.Serial > current.Serial]
			if k == current {
				use = "current"
			}
			all = append(all, shown(k, use, tsig.ServerPath(role), now))
		}
	}
	for _, role := range tsig.ClientRoles {
		k, err := tsig.ClientKey(h, role)
		if err == nil {
			all = append(all, shown(k, "client", tsig.ClientPath(role), now))
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return all, nil
}

func shown(k tsig.Key, use, file string, now time.Time) shownKey {
	s := shownKey{Name: k.Name(), Role: string(k.Role), Fingerprint: k.Fingerprint(), State: use, File: file}
	if made, err := time.Parse("20060102", fmt.Sprint(k.Serial/100)); err == nil {
		s.Made, s.Days = made.Format(time.DateOnly), int(now.Sub(made).Hours()/24)
	}
	return s
}
