// Package tsig_rotate is the Ansible module tsig_rotate: one step of a rotation of TSIG keys on one machine. The steps are
// the node command's, which alone may read keys; the module hands it what the task says and Ansible what it answers.
package tsig_rotate

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"time"

	"debvisor/internal/ansible"
	"debvisor/internal/host"
	"debvisor/internal/names"
)

//go:embed tsig_rotate.yml
var docs string

type params struct {
	Step     string           `param:"step,required,choices=facts|prepare|accept|prove|activate|retire"`
	As       string           `param:"as,choices=server|client,required_if=step:prove,required_if=step:activate"`
	Keys     string           `param:"keys,no_log"`
	Servers  []map[string]any `param:"servers"`
	Clients  []map[string]any `param:"clients"`
	Serial   uint32           `param:"serial"`
	Moved    bool             `param:"moved,default=false"`
	Holder   string           `param:"holder"`
	Lease    time.Duration    `param:"lease,default=1h"`
	Grace    time.Duration    `param:"grace,default=15m"`
	Interval time.Duration    `param:"interval,default=600h"`
	Force    bool             `param:"force,default=false"`
	WithKeys bool             `param:"with_keys,default=false"`
}

// began is the same for both plans of a task, so that the second one knows what the first has written.
var began = time.Now()

// Module is the module.
var Module = ansible.New(docs, plan)

// plan asks the node command what the step would change. The change is the step itself, which plans anew.
func plan(ctx context.Context, t *ansible.Task, p params) ([]host.Change, error) {
	if p.WithKeys && !t.NoLog {
		return nil, errors.New("with_keys returns secrets: the task needs no_log: true")
	}
	cmd, err := p.command()
	if err != nil {
		return nil, err
	}
	a, err := ask(ctx, t, cmd, "--check")
	if err != nil || len(a.Changes) == 0 {
		return nil, err
	}
	changes := make([]host.Change, len(a.Changes))
	for i, line := range a.Changes { // the first does all of it; the others say what is in it
		changes[i] = host.Call{Why: line, Do: func(context.Context) error { return nil }}
	}
	changes[0] = host.Call{Why: a.Changes[0], Do: func(ctx context.Context) error {
		_, err := ask(ctx, t, cmd)
		return err
	}}
	return changes, nil
}

// answer is what the node command prints.
type answer struct {
	OK       bool            `json:"ok"`
	Error    string          `json:"error"`
	Changes  []string        `json:"changes"`
	Serial   *uint32         `json:"serial"`
	Rotating *bool           `json:"rotating"`
	Why      string          `json:"why"`
	Keys     *string         `json:"keys"`
	Proven   *int            `json:"proven"`
	Wait     *int64          `json:"wait"`
	Machine  json.RawMessage `json:"machine"`
}

// ask runs the node command and returns what it says besides changes as the task's own.
func ask(ctx context.Context, t *ansible.Task, cmd host.Cmd, more ...string) (answer, error) {
	cmd.Args = append(append([]string(nil), cmd.Args...), more...)
	out, ran := t.Host.Runner.Run(ctx, cmd)
	var a answer
	err := json.Unmarshal(out, &a)
	switch {
	case err == nil && a.Error != "":
		return a, errors.New(a.Error)
	case ran != nil:
		return a, ran
	case err != nil:
		return a, fmt.Errorf("read what %s said: it is not its JSON", cmd)
	}
	a.tell(t)
	return a, nil
}

func (a answer) tell(t *ansible.Task) {
	if a.Serial != nil {
		t.Return("serial", *a.Serial)
		t.Return("why", a.Why)
	}
	if a.Rotating != nil {
		t.Return("rotating", *a.Rotating)
	}
	if a.Keys != nil {
		t.Return("keys", *a.Keys)
	}
	if a.Proven != nil {
		t.Return("proven", *a.Proven)
	}
	if a.Wait != nil {
		t.Return("wait", *a.Wait)
	}
	if a.Machine != nil {
		t.Return("machine", a.Machine)
	}
}

// command is the step as the node command takes it. Keys go through standard input; what is in arguments is no secret.
func (p params) command() (host.Cmd, error) {
	args := []string{names.Debvisor, "tsig", p.Step, "--json"}
	if os.Geteuid() != 0 {
		args = append([]string{"sudo", "-n"}, args...)
	}
	claim := []string{"--holder", p.Holder, "--lease", p.Lease.String()}
	serial := []string{"--serial", strconv.FormatUint(uint64(p.Serial), 10)}
	stdin := p.Keys
	switch p.Step {
	case "prepare":
		fleet, err := json.Marshal(map[string]any{"servers": p.Servers, "clients": p.Clients})
		if err != nil {
			return host.Cmd{}, err
		}
		stdin = string(fleet)
		args = append(append(args, claim...), "--interval", p.Interval.String(), "--force="+strconv.FormatBool(p.Force), "--with-keys="+strconv.FormatBool(p.WithKeys))
	case "accept":
		args = append(args, claim...)
		for _, u := range p.used() {
			args = append(args, "--used", u)
		}
	case "prove":
		args = append(append(args, "--as", p.As), serial...)
	case "activate":
		args = append(append(append(args, claim...), serial...), "--as", p.As, "--grace", p.Grace.String())
		if p.Moved {
			args = append(args, "--moved", began.UTC().Format(time.RFC3339Nano))
		}
	case "retire":
		args = append(append(append(args, claim...), serial...), "--grace", p.Grace.String())
	}
	return host.Cmd{Args: args, Stdin: stdin}, nil
}

// used are the keys in what the clients said, each NAME:FINGERPRINT.
func (p params) used() []string {
	var all []string
	for _, c := range p.Clients {
		keys, _ := c["client"].(map[string]any) // facts of another shape tell of no key
		for _, role := range slices.Sorted(maps.Keys(keys)) {
			if k, ok := keys[role].(map[string]any); ok {
				all = append(all, fmt.Sprintf("%v:%v", k["name"], k["fingerprint"]))
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
