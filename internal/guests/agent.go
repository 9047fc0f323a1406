package guests

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"debvisor/internal/host"
)

// A connected agent that is silent costs libvirt five seconds, and a guest can have as many silent ones as it likes.
const (
	agentsTime   = 10 * time.Second // for all of them
	agentsAtOnce = 8
	firstSilence = 30 * time.Second // until one that did not answer is asked again, and twice that each time
	lastSilence  = 15 * time.Minute
)

// Silence is how long an agent that did not answer is left alone.
type Silence struct {
	UUID  string    `json:"uuid"`
	Until time.Time `json:"until"`
	Times int       `json:"times"` // that it did not answer, one after the other
}

// after is the silence after one more question without an answer.
func (s Silence) after(now time.Time) Silence {
	s.Until = now.Add(min(firstSilence<<min(s.Times, 10), lastSilence))
	s.Times++
	return s
}

// askable are the guests whose agents are to be asked, those that have always answered first.
func (s *survey) askable(r *Registry, now time.Time) (all []Guest) {
	if s.blind {
		return nil
	}
	r.Silent = slices.DeleteFunc(r.Silent, func(was Silence) bool {
		return !slices.ContainsFunc(s.running, func(g Guest) bool { return g.UUID == was.UUID && g.Agent })
	})
	for _, g := range s.running {
		if g.Agent && !now.Before(r.silence(g.UUID).Until) {
			all = append(all, g)
		}
	}
	slices.SortStableFunc(all, func(a, b Guest) int { return cmp.Compare(r.silence(a.UUID).Times, r.silence(b.UUID).Times) })
	return all
}

func (r *Registry) silence(uuid string) Silence {
	for _, s := range r.Silent {
		if s.UUID == uuid {
			return s
		}
	}
	return Silence{UUID: uuid}
}

// heard notes whose agent has answered and whose has not.
func (r *Registry) heard(answers []answer, now time.Time) {
	for _, a := range answers {
		before := r.silence(a.uuid)
		r.Silent = slices.DeleteFunc(r.Silent, func(s Silence) bool { return s.UUID == a.uuid })
		if a.asked && a.err != nil {
			r.Silent = append(r.Silent, before.after(now))
		} else if !a.asked && before.Times > 0 {
			r.Silent = append(r.Silent, before)
		}
	}
}

// answer is what one agent said.
type answer struct {
	uuid  string
	asked bool // there was time to
	found []sighting
	err   error
}

// agents asks guests for their addresses, some at once. What is not said when the time is over is not waited for.
func agents(ctx context.Context, h *host.Host, all []Guest) []answer {
	ctx, cancel := context.WithTimeout(ctx, agentsTime)
	defer cancel()
	answers := make([]answer, len(all))
	places := make(chan struct{}, agentsAtOnce)
	var group sync.WaitGroup
	for i, g := range all {
		places <- struct{}{}
		group.Go(func() {
			answers[i] = askAgent(ctx, h, g)
			<-places
		})
	}
	group.Wait()
	return answers
}

func askAgent(ctx context.Context, h *host.Host, g Guest) answer {
	a := answer{uuid: g.UUID}
	if ctx.Err() != nil {
		a.err = fmt.Errorf("there was no time to ask the agent of the guest %q", clip(g.Name))
		return a
	}
	out, err := virsh(ctx, h, "domifaddr "+g.UUID+" --full --source agent")
	a.asked, a.err, a.found = true, err, parseAddresses(string(out), g.UUID, Agent)
	return a
}

// hear takes in what agents said.
func (s *survey) hear(all []answer, r *Registry, now time.Time) {
	for _, a := range all {
		s.add(a.found, a.err)
	}
	r.heard(all, now)
}
