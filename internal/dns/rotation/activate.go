package rotation

import (
	"errors"
	"fmt"
	"time"

	"debvisor/internal/host"
	"debvisor/internal/tsig"
)

// ActivateClient plans that this machine signs with the keys, of which only those of a client's roles are its business.
// Every server that it uses must accept them already: ProveClient comes first.
func (m Machine) ActivateClient(keys []tsig.Key) ([]host.Change, error) {
	var wants []host.Want
	for _, k := range keys {
		if tsig.ClientPath(k.Role) != "" {
			wants = append(wants, tsig.ClientFile(k))
		}
	}
	return m.Need(wants...)
}

// ActivateServer plans the record that the generation is in use, once every client has it. The time of grace runs from the
// moment at which the last of them took it up, which is not before since.
func (m Machine) ActivateServer(c Claim, serial uint32, since time.Time) ([]host.Change, error) {
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
	case active.Serial > serial:
		return nil, fmt.Errorf("generation %d is in use already", active.Serial)
	case active.Serial == serial && !active.Since.Before(since):
		return lease, nil
	case active.Serial != serial && since.Before(m.Now):
		since = m.Now
	}
	f, err := tsig.Active{Serial: serial, Since: since.UTC().Truncate(time.Second).Add(time.Second)}.File()
	if err != nil {
		return nil, err
	}
	record, err := m.Need(f)
	return append(lease, record...), err
}

// ErrGrace: a client may still be using the old keys.
var ErrGrace = errors.New("the time of grace is not over")
