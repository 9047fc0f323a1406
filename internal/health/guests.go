package health

import (
	"context"

	registry "debvisor/internal/guests"
	"debvisor/internal/guests/installed"
)

// guestNames looks at what this host has registered of its guests, and at what it could not.
func guestNames(ctx context.Context, n *Node, r *Result) error {
	known, err := registry.LoadRegistry(n.Host)
	if err != nil {
		return err
	}
	path, err := n.unit(ctx, installed.PathUnit)
	if err != nil {
		return err
	}
	if len(known.Entries) == 0 && path["UnitFileState"] != "enabled" { // the image has the hook, the role turns it on
		r.skip("this host registers no guests")
		return nil
	}
	for _, u := range []string{installed.PathUnit, installed.TimerUnit} {
		if err := n.service(ctx, r, u); err != nil {
			return err
		}
	}
	for _, e := range known.Entries {
		if e.Error != "" {
			r.warn("%s is not as it should be for %s: %s", e.Name, period(n.time().Sub(e.Since)), e.Error)
		}
	}
	r.ok("registered: %d names", len(known.Entries))
	return nil
}
