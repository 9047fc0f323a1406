package rotation

import (
	"errors"
	"fmt"
	"time"

	"debvisor/internal/host"
	"debvisor/internal/tsig"
)

// ActivateClient plans that this machine signs with the keys, of which only those of a client's roles are its business.
// Every server that it uses must accept them already: ProveClient comes first. A generation before the one that it signs
// with is of a run that others have overtaken, and is refused.
func (m Machine) ActivateClient(c Claim, keys []tsig.Key) ([]host.Change, error) {
	own, err := m.clientKeys()
	if err != nil {
		return nil, err
	}
	var wants []host.Want
	var serial uint32
	for _, k := range keys {
		if tsig.ClientPath(k.Role) == "" {
			continue
		}
		for _, had := range own {
			if had.Role == k.Role && had.Serial > k.Serial && tsig.Possible(had.Serial, m.Now) {
				return nil, fmt.Errorf("this machine signs with %s already, and not with %s any more", had, k)
			}
		}
		serial = max(serial, k.Serial)
		wants = append(wants, tsig.ClientFile(k))
	}
	left, err := tsig.Leftovers(m.Host)
	if err != nil {
		return nil, err
	}
	files, err := m.Need(wants...)
	return append(left, m.recorded("activate", c, serial, files)...), err
}

// ActivateServer plans the record that the generation is in use, once every client has it. The time of grace runs from now, by
// this machine's own clock, unless it runs since a time after moved, before which the last client took the keys up; that is
// zero where none did in this run.
func (m Machine) ActivateServer(c Claim, serial uint32, moved time.Time) ([]host.Change, error) {
	own, err := tsig.ServerKeys(m.Host)
	if err != nil {
		return nil, err
	}
	if got := len((ring{keys: own}).of(serial)); got != len(tsig.Roles) {
		return nil, fmt.Errorf("this server has generation %d of %d roles, not of %d", serial, got, len(tsig.Roles))
	}
	lease, err := m.renew(c)
	if err != nil {
		return nil, err
	}
	active, err := tsig.ReadActive(m.Host)
	switch {
	case err != nil:
		return nil, err
	case active.Serial > serial && tsig.Possible(active.Serial, m.Now):
		return nil, fmt.Errorf("generation %d is in use already", active.Serial)
	case active.Serial == serial && !active.Since.Before(moved):
		return lease, nil
	}
	f, err := tsig.Active{Serial: serial, Since: m.Now.UTC().Truncate(time.Second).Add(time.Second)}.File()
	if err != nil {
		return nil, err
	}
	record, err := m.Need(f)
	return append(lease, m.recorded("activate", c, serial, record)...), err
}

// ErrGrace: a client may still be using the old keys.
var ErrGrace = errors.New("the time of grace is not over")
