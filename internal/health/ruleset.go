package health

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
)

// ruleset is a table as `nft -j list table` prints it, as far as the checks look at it.
type ruleset struct {
	chains []chain
	rules  []rule
}

type chain struct {
	Name   string `json:"name"`
	Hook   string `json:"hook"`
	Policy string `json:"policy"`
}

type rule struct {
	Chain string                       `json:"chain"`
	Expr  []map[string]json.RawMessage `json:"expr"`
}

// match is a comparison in a rule.
type match struct {
	Op   string
	Left struct {
		Payload struct{ Protocol, Field string }
		Meta    struct{ Key string }
	}
	Right json.RawMessage
}

// kernelRules are the rules that are in force; an error says that the table is not there.
func (n *Node) kernelRules(ctx context.Context) (ruleset, error) {
	out, err := n.Run(ctx, "nft", "-j", "list", "table", "inet", "debvisor")
	if err != nil {
		return ruleset{}, err
	}
	return parseRuleset(out)
}

func parseRuleset(data []byte) (ruleset, error) {
	var list struct {
		Nftables []struct {
			Chain *chain `json:"chain"`
			Rule  *rule  `json:"rule"`
		} `json:"nftables"`
	}
	var rs ruleset
	if err := json.Unmarshal(data, &list); err != nil {
		return rs, fmt.Errorf("read what nft printed: %w", err)
	}
	for _, o := range list.Nftables {
		if o.Chain != nil {
			rs.chains = append(rs.chains, *o.Chain)
		}
		if o.Rule != nil {
			rs.rules = append(rs.rules, *o.Rule)
		}
	}
	return rs, nil
}

// policy is what happens to packets at a hook that no rule decides; "" when the table has no chain there.
func (rs ruleset) policy(hook string) string {
	for _, c := range rs.chains {
		if c.Hook == hook {
			return c.Policy
		}
	}
	return ""
}

// hook is the hook of a chain; "" for one that others lead to.
func (rs ruleset) hook(name string) string {
	for _, c := range rs.chains {
		if c.Name == name {
			return c.Hook
		}
	}
	return ""
}

// has reports whether the rule does one of these: accept, jump, goto.
func (r rule) has(verdicts ...string) bool {
	return slices.ContainsFunc(r.Expr, func(e map[string]json.RawMessage) bool {
		return slices.ContainsFunc(verdicts, func(v string) bool {
			_, there := e[v]
			return there
		})
	})
}

// matches are the rule's comparisons; what nft can say and this cannot read is left out.
func (r rule) matches() []match {
	var all []match
	for _, e := range r.Expr {
		var m match
		if text, there := e["match"]; there && json.Unmarshal(text, &m) == nil {
			all = append(all, m)
		}
	}
	return all
}
