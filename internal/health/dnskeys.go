package health

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"debvisor/internal/tsig"
)

const (
	// keyAge is how old keys become where the monthly rotation works: 25 days, and the time until it comes round again.
	keyAge = 40 * 24 * time.Hour
	// rotationTime is longer than a rotation takes, with its time of grace and one or two that were ended.
	rotationTime = 48 * time.Hour
)

// dnsKeys looks at the keys of this machine's name server and at those that it signs with itself. Whether a server accepts
// the latter is for the server to say.
func dnsKeys(_ context.Context, n *Node, r *Result) error {
	server, err := tsig.ServerKeys(n.Host)
	if err != nil {
		return err
	}
	active, err := tsig.ReadActive(n.Host)
	if err != nil {
		return err
	}
	count := 0
	for _, role := range tsig.Roles {
		keys := server[role]
		if len(keys) == 0 {
			continue
		}
		count++
		if err := n.guarded(r, tsig.ServerPath(role), 0o640, "root:bind"); err != nil {
			return err
		}
		n.generations(r, active, keys)
	}
	signs, err := n.ownKeys(r, len(server) > 0)
	switch {
	case err != nil:
		return err
	case count > 0 && count < len(tsig.Roles):
		r.fail("the name server has keys of %d of %d roles: tsig-keygen.sh", count, len(tsig.Roles))
	case count+signs == 0:
		r.skip("no keys of name servers here")
		return nil
	}
	r.ok("accepted: %d roles, generation %d; signs with %d keys", count, active.Serial, signs)
	return nil
}

// generations looks at what a server accepts of a role.
func (n *Node) generations(r *Result, active tsig.Active, keys []tsig.Key) {
	current, _ := active.Current(keys)
	age := n.age(current)
	if current.Serial == active.Serial {
		age = n.time().Sub(active.Since)
	}
	if age > keyAge {
		r.warn("%s is in use for %s: the monthly rotation does not happen", current, period(age))
	}
	if age := n.age(keys[0]); len(keys) > 1 && age > rotationTime {
		r.warn("a rotation has not ended: %s was made %s ago and %s is still accepted", keys[0], period(age), keys[len(keys)-1])
	}
}

// ownKeys looks at the keys that the machine signs with, and at their age where no server beside them has one.
func (n *Node) ownKeys(r *Result, serves bool) (count int, err error) {
	for _, role := range tsig.ClientRoles {
		k, err := tsig.ClientKey(n.Host, role)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return count, err
		}
		count++
		if err := n.guarded(r, tsig.ClientPath(role), 0o600, ""); err != nil {
			return count, err
		}
		if age := n.age(k); !serves && age > keyAge {
			r.warn("%s was made %s ago: the monthly rotation does not reach this machine", k, period(age))
		}
	}
	return count, nil
}

// age is the time since the day that a generation is called after. One that is called otherwise was made by hand, nobody
// knows when: 0.
func (n *Node) age(k tsig.Key) time.Duration {
	day, err := time.Parse("20060102", fmt.Sprint(k.Serial/100))
	if err != nil {
		return 0
	}
	return n.time().Sub(day)
}

// time is now, or what a test says.
func (n *Node) time() time.Time {
	if n.now.IsZero() {
		return time.Now()
	}
	return n.now
}
