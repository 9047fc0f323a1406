package kernel

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"strings"

	"debvisor/internal/blocklist/addrset"

	"golang.org/x/sys/unix"
)

// Difference is what is not as wanted, in words; empty where all is.
type Difference struct {
	Structure []string // of the table, its chains, rules, counters and sets
	Elements  []string // of what the sets hold
}

// String is all of it in a line, "" when there is no difference.
func (d Difference) String() string {
	return strings.Join(append(append([]string{}, d.Structure...), d.Elements...), "; ")
}

// Inspect looks whether the table blocks exactly want, and nothing else is in it. It reads no set that the kernel counts:
// when a set holds as many elements as it must, each wanted one is asked for by its key, some microseconds each. What is
// expensive is left out once a difference is found, so there may be more than the ones told.
func (c *Conn) Inspect(ctx context.Context, want addrset.Set) (Difference, error) {
	want = Split(want)
	var d Difference
	err := patiently(ctx, func() error {
		c.forget()
		s, err := c.read()
		if err != nil {
			return err
		}
		d = Difference{}
		for _, f := range s.faults() {
			d.Structure = append(d.Structure, f.text)
		}
		if d.Elements, err = c.inspectSets(ctx, s, want, len(d.Structure) > 0); err != nil {
			return err
		}
		return c.conclude(s.generation, d)
	})
	if err != nil {
		return Difference{}, fmt.Errorf("inspect the blocklist in the kernel: %w", err)
	}
	return d, nil
}

// conclude keeps the generation of a ruleset that was found to be right, if it is still the same.
func (c *Conn) conclude(generation uint32, d Difference) error {
	after, err := c.generation()
	if err == nil && after == generation && d.String() == "" {
		c.learn(generation)
	}
	return err
}

func (c *Conn) inspectSets(ctx context.Context, s state, want addrset.Set, wrong bool) ([]string, error) {
	var found []string
	for _, ours := range sets {
		if s.usable(ours) && s.sets[ours.name].count >= 0 {
			miscount, err := c.miscount(ours, s.sets[ours.name].count, want)
			if err != nil {
				return nil, err
			}
			found = append(found, miscount...)
		}
	}
	for _, ours := range sets {
		if wrong || len(found) > 0 || !s.usable(ours) {
			break
		}
		look := c.compare
		if s.sets[ours.name].count >= 0 {
			look = c.probe
		}
		text, err := look(ctx, ours, ours.of(want))
		if err != nil {
			return nil, err
		}
		if text != "" {
			found = append(found, ours.name+" "+text)
		}
	}
	return found, nil
}

// miscount compares the kernel's count with what it should be, and looks at the places that the count says nothing of: the
// element that stands for all addresses, and in an interval set a range that is open at its end.
func (c *Conn) miscount(s set, counted int, list addrset.Set) ([]string, error) {
	if n := count(s.of(list)); counted != n {
		return []string{fmt.Sprintf("%s holds %d elements instead of %d", s.name, counted, n)}, nil
	}
	return c.strays(s)
}

func (c *Conn) strays(s set) ([]string, error) {
	all, err := c.has(s, s.appendCatchAll(nil))
	if err != nil {
		return nil, err
	}
	if all {
		return []string{s.name + " holds all addresses"}, nil
	}
	if s.ranges {
		open, err := c.has(s, s.appendElement(nil, s.top(), 0))
		if err != nil {
			return nil, err
		}
		if open {
			return []string{s.name + " holds a foreign range up to the last address"}, nil
		}
	}
	return nil, nil
}

// probe asks the kernel for each wanted element, and says what is missing.
func (c *Conn) probe(ctx context.Context, s set, want iter.Seq[span]) (string, error) {
	pull, stop := iter.Pull(want)
	defer stop()
	for {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		asked := make([]span, 0, probesAtOnce)
		for len(asked) < probesAtOnce {
			sp, ok := pull()
			if !ok {
				break
			}
			asked = append(asked, sp)
		}
		if len(asked) == 0 {
			return "", nil
		}
		missing, err := c.probeSome(s, asked)
		if missing != "" || err != nil {
			return missing, err
		}
	}
}

const probesAtOnce = 500

// probeSome asks for the last address of each range, not the first: the answer is the start of the range only when there
// is nothing between. The kernel stops answering at the first element that it does not have.
func (c *Conn) probeSome(s set, asked []span) (string, error) {
	var request []byte
	var expected []element
	for _, sp := range asked {
		request = s.appendElement(request, sp.last, 0)
		expected = append(expected, element{key: sp.first})
		if s.ranges && !s.isTop(sp.last) {
			end := element{key: next(sp.last), end: true}
			request = s.appendElement(request, end.key, unix.NFT_SET_ELEM_INTERVAL_END)
			expected = append(expected, end)
		}
	}
	n, wrong := 0, false
	err := c.elements(s, request, func(e element) {
		wrong = wrong || n >= len(expected) || e != expected[n]
		if !wrong {
			n++
		}
	})
	if errors.Is(err, unix.ENOENT) || wrong {
		return "lacks " + s.format(expected[min(n, len(expected)-1)].key), nil
	}
	if err == nil && n < len(expected) {
		err = errUnknown
	}
	return "", err
}

// has says whether the set answers to the element at all.
func (c *Conn) has(s set, encoded []byte) (bool, error) {
	err := c.elements(s, encoded, func(element) {})
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	return err == nil, err
}

// format is a key as people write it.
func (s set) format(key addrset.Addr6) string {
	a, _ := netip.AddrFromSlice(s.appendKey(nil, key))
	return a.String()
}
