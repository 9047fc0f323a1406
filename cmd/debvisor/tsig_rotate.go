package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"debvisor/internal/dns/rotation"
	"debvisor/internal/exit"
	"debvisor/internal/tsig"

	"github.com/spf13/cobra"
)

func tsigFacts() *cobra.Command {
	o := &stepOptions{}
	cmd := &cobra.Command{
		Use:     "facts",
		Short:   "step of a rotation: say which keys this machine has",
		Long:    "Says which keys this machine's name server accepts and which it signs with. It tells no secrets and changes nothing.",
		Example: "  sudo debvisor tsig facts --json",
	}
	return tsigLook(cmd, o, func(_ *cobra.Command, m rotation.Machine) (planned, error) {
		f, err := m.Facts()
		if err != nil {
			return planned{}, err
		}
		return planned{said: map[string]any{"machine": f}, words: "see --json, or debvisor tsig show"}, nil
	})
}

func tsigPrepare() *cobra.Command {
	o, r, withKeys := &stepOptions{}, &rotation.Request{}, false
	cmd := &cobra.Command{
		Use:   "prepare",
		Short: "step of a rotation: make the next generation, on the first server",
		Long: `Reads what all machines said of their keys from standard input, a JSON object with the lists "servers" and "clients".
Where a new generation is due and no rotation is under way it makes one, which this server accepts from then on. With
--with-keys the output holds the secrets; it is for the playbook, which hands them on.`,
		Example: "  echo '{\"servers\": [], \"clients\": []}' | sudo debvisor tsig prepare --check",
	}
	o.claimFlags(cmd)
	cmd.Flags().DurationVar(&r.Interval, "interval", 25*24*time.Hour, "how old the generation in use may become")
	cmd.Flags().BoolVar(&r.Force, "force", false, "make a new generation whatever the age")
	cmd.Flags().BoolVar(&withKeys, "with-keys", false, "print the keys, with --json")
	return tsigStep(cmd, o, func(c *cobra.Command, m rotation.Machine) (planned, error) {
		r.Claim = o.claim
		if err := readFleet(c.InOrStdin(), r); err != nil {
			return planned{}, exit.With(exit.Usage, err)
		}
		p, changes, err := m.Prepare(c.Context(), *r)
		said := map[string]any{"serial": p.Serial, "rotating": p.Rotating, "why": p.Why}
		if withKeys {
			said["keys"] = tsig.Text(p.Keys)
		}
		return planned{changes, said, fmt.Sprintf("generation %d: %s", p.Serial, p.Why)}, err
	})
}

func readFleet(from io.Reader, r *rotation.Request) error {
	var fleet struct{ Servers, Clients []rotation.Facts }
	d := json.NewDecoder(from)
	d.DisallowUnknownFields()
	if err := d.Decode(&fleet); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read what the machines said of their keys: %w", err)
	}
	r.Servers, r.Clients = fleet.Servers, fleet.Clients
	return nil
}

func tsigAccept() *cobra.Command {
	o, used := &stepOptions{}, []string{}
	cmd := &cobra.Command{
		Use:     "accept",
		Short:   "step of a rotation: accept keys beside those that are there, on every server",
		Long:    "Reads keys from standard input, as BIND writes them, and has the name server accept them too. It takes none away that a client uses.",
		Example: "  sudo debvisor tsig accept --check < keys",
	}
	o.claimFlags(cmd)
	cmd.Flags().StringSliceVar(&used, "used", nil, "keys that clients sign with, each NAME:FINGERPRINT")
	return tsigStep(cmd, o, func(c *cobra.Command, m rotation.Machine) (planned, error) {
		keys, err := keysFrom(c.InOrStdin())
		if err != nil {
			return planned{}, err
		}
		inUse, err := keyNames(used)
		if err != nil {
			return planned{}, exit.With(exit.Usage, err)
		}
		changes, err := m.Accept(c.Context(), o.claim, keys, inUse)
		return planned{changes: changes}, err
	})
}

func keyNames(texts []string) (all []rotation.Key, err error) {
	for _, text := range texts {
		name, fingerprint, ok := strings.Cut(text, ":")
		if !ok {
			return nil, fmt.Errorf("%q is not NAME:FINGERPRINT", text)
		}
		all = append(all, rotation.Key{Name: name, Fingerprint: fingerprint})
	}
	return all, nil
}

func tsigProve() *cobra.Command {
	o := &stepOptions{}
	cmd := &cobra.Command{
		Use:   "prove",
		Short: "step of a rotation: ask servers something that is signed",
		Long: `A server asks its own name server, signed with each key of standard input; a client each server that it registers names at,
or, with --serial, with its own keys, which must be of that generation. Exit code 4 when a server does not take one.`,
		Example: "  sudo debvisor tsig prove --as client --serial 2026112401",
	}
	o.asFlag(cmd)
	o.serialFlag(cmd)
	return tsigLook(cmd, o, func(c *cobra.Command, m rotation.Machine) (planned, error) {
		server, err := o.role()
		if err != nil {
			return planned{}, err
		}
		var keys []tsig.Key
		if server || o.serial == 0 {
			if keys, err = keysFrom(c.InOrStdin()); err != nil {
				return planned{}, err
			}
		}
		prove := func() (int, error) { return m.ProveClient(c.Context(), keys, o.serial) }
		if server {
			prove = func() (int, error) { return m.ProveServer(c.Context(), keys) }
		}
		n, err := prove()
		return planned{said: map[string]any{"proven": n}, words: fmt.Sprintf("%d answers were right", n)}, err
	})
}

func tsigActivate() *cobra.Command {
	o, at := &stepOptions{}, ""
	cmd := &cobra.Command{
		Use:   "activate",
		Short: "step of a rotation: bring keys into use",
		Long: `A client signs with the keys of standard input from then on. A server records, once every client does, that the
generation is in use, and since when the time of grace runs.`,
		Example: "  sudo debvisor tsig activate --as client --check < keys\n  sudo debvisor tsig activate --as server --serial 2026112401",
	}
	o.asFlag(cmd)
	o.serialFlag(cmd)
	o.claimFlags(cmd)
	cmd.Flags().StringVar(&at, "moved", "", "a client took the keys up before this `TIME` (RFC 3339) of this machine: the time of grace runs since no earlier one")
	cmd.Flags().DurationVar(&o.grace, "grace", 15*time.Minute, "the time of grace, of which the output says how much is left")
	return tsigStep(cmd, o, func(c *cobra.Command, m rotation.Machine) (planned, error) {
		server, err := o.role()
		if err != nil {
			return planned{}, err
		}
		moved, err := momentOf(at)
		if err != nil {
			return planned{}, exit.With(exit.Usage, err)
		}
		if !server {
			keys, err := keysFrom(c.InOrStdin())
			if err != nil {
				return planned{}, err
			}
			changes, err := m.ActivateClient(o.claim, keys)
			return planned{changes: changes}, err
		}
		return o.activateServer(m, moved)
	})
}

// momentOf is a time as it is given, or none.
func momentOf(text string) (at time.Time, err error) {
	if text != "" {
		at, err = time.Parse(time.RFC3339Nano, text)
	}
	return at, err
}

// activateServer says how long to wait as it will be once the record is written.
func (o *stepOptions) activateServer(m rotation.Machine, moved time.Time) (planned, error) {
	changes, err := m.ActivateServer(o.claim, o.serial, moved)
	if err != nil {
		return planned{}, err
	}
	wait := o.grace + 2*time.Second
	if len(changes) == 0 {
		if wait, err = m.Wait(o.serial, o.grace); err != nil {
			return planned{}, err
		}
	}
	return planned{changes: changes, said: map[string]any{"wait": int64((wait + time.Second - 1) / time.Second)}}, nil
}

func tsigRetire() *cobra.Command {
	o := &stepOptions{}
	cmd := &cobra.Command{
		Use:   "retire",
		Short: "step of a rotation: accept the generation in use alone, on every server",
		Long: `Takes the keys of earlier generations away. Exit code 4 until the time of grace is over, which runs from activate. It then
writes ` + rotation.MetricPath + ` for the node exporter.`,
		Example: "  sudo debvisor tsig retire --serial 2026112401 --grace 15m",
	}
	o.claimFlags(cmd)
	o.serialFlag(cmd)
	cmd.Flags().DurationVar(&o.grace, "grace", 15*time.Minute, "the time of grace")
	return tsigStep(cmd, o, func(c *cobra.Command, m rotation.Machine) (planned, error) {
		changes, err := m.Retire(c.Context(), o.claim, o.serial, o.grace)
		return planned{changes: changes}, err
	})
}
