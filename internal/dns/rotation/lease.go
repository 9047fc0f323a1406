package rotation

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"debvisor/internal/host"
)

// LeasePath says, on the first server, whose rotation is under way.
const LeasePath = "/var/lib/debvisor/tsig/lease.json"

// Lease is who may go on with a rotation, and until when nobody else may begin one. Two runs of the same holder do not
// disturb each other: they do the same steps, and a step that was done has nothing left to do.
type Lease struct {
	Holder string    `json:"holder"`
	Until  time.Time `json:"until"`
	Serial uint32    `json:"serial"` // the generation that it is about
}

// Claim is who asks for a lease, and for how long.
type Claim struct {
	Holder string
	For    time.Duration
}

// ErrLease: another rotation is under way.
var ErrLease = errors.New("another rotation is under way")

func (m Machine) lease() (l Lease, err error) {
	data, err := m.ReadFile(LeasePath)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return l, err
	}
	if err := json.Unmarshal(data, &l); err != nil {
		return l, fmt.Errorf("%s: %w", LeasePath, err)
	}
	return l, nil
}

// mine is the lease as it is, unless somebody else has it.
func (m Machine) mine(c Claim) (Lease, error) {
	l, err := m.lease()
	if err == nil && l.Holder != "" && l.Holder != c.Holder && m.Now.Before(l.Until) {
		err = fmt.Errorf("%w: %s holds the lease until %s (%s)", ErrLease, l.Holder, l.Until.Format(time.RFC3339), LeasePath)
	}
	return l, err
}

// take plans that the lease is c's, for a generation. One that is, and has half of its time left, is left alone.
func (m Machine) take(c Claim, serial uint32) ([]host.Change, error) {
	l, err := m.mine(c)
	if err != nil || l.Holder == c.Holder && l.Serial == serial && l.Until.Sub(m.Now) > c.For/2 {
		return nil, err
	}
	text, err := json.Marshal(Lease{Holder: c.Holder, Until: m.Now.Add(c.For).UTC().Truncate(time.Second), Serial: serial})
	if err != nil {
		return nil, err
	}
	return m.Need(host.File{Path: LeasePath, Content: string(text) + "\n", Mode: 0o644})
}

// renew is take on the server that has a lease, and nothing on the others.
func (m Machine) renew(c Claim) ([]host.Change, error) {
	l, err := m.lease()
	if err != nil || l.Holder == "" {
		return nil, err
	}
	return m.take(c, l.Serial)
}

// release plans that the next rotation may begin.
func (m Machine) release(c Claim) ([]host.Change, error) {
	if _, err := m.mine(c); err != nil {
		return nil, err
	}
	return m.Need(host.Absent{Path: LeasePath})
}
