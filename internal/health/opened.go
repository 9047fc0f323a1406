package health

import "encoding/json"

// span is a range of ports of one protocol.
type span struct {
	protocol  string
	low, high int
}

// opened are the ports that the rules let in, from anywhere or only from some networks. A rule that leads to another chain
// counts as one that lets in: better one port too many in this list.
func (rs ruleset) opened() []span {
	var all []span
	for _, r := range rs.rules {
		if hook := rs.hook(r.Chain); hook == "forward" || hook == "output" || !r.has("accept", "jump", "goto") {
			continue
		}
		for _, m := range r.matches() {
			if m.Left.Payload.Field != "dport" || m.Op != "==" {
				continue
			}
			for _, p := range portsIn(m.Right) {
				p.protocol = m.Left.Payload.Protocol
				all = append(all, p)
			}
		}
	}
	return all
}

// portsIn reads the right side of a match: a port, {"range": [1, 2]} or {"set": [...]} of these.
func portsIn(right json.RawMessage) []span {
	var one int
	if json.Unmarshal(right, &one) == nil {
		return []span{{low: one, high: one}}
	}
	var many struct {
		Set   []json.RawMessage
		Range []int
	}
	if json.Unmarshal(right, &many) != nil {
		return nil
	}
	var all []span
	if len(many.Range) == 2 {
		all = append(all, span{low: many.Range[0], high: many.Range[1]})
	}
	for _, element := range many.Set {
		all = append(all, portsIn(element)...)
	}
	return all
}

func open(spans []span, protocol string, port int) bool {
	for _, s := range spans {
		if (s.protocol == protocol || s.protocol == "th") && s.low <= port && port <= s.high {
			return true
		}
	}
	return false
}
