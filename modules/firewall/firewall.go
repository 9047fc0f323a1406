// Package firewall is the Ansible module firewall: which networks may reach SSH, what else is open, and rules that are on
// trial until somebody confirms them. The rules and the trial are internal/nft's.
package firewall

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"debvisor/internal/ansible"
	"debvisor/internal/host"
	"debvisor/internal/nft"
)

//go:embed firewall.yml
var docs string

type params struct {
	State         string             `param:"state,default=present,choices=present|confirmed"`
	Management    *[]ansible.Network `param:"management"`
	Services      []service          `param:"services"`
	ConfirmWithin time.Duration      `param:"confirm_within,default=120"`
	AllowLockout  bool               `param:"allow_lockout,default=false"`
}

type service struct {
	Name     string            `param:"name,required"`
	Port     ports             `param:"port,required"`
	Protocol string            `param:"protocol,default=tcp,choices=tcp|udp"`
	From     []ansible.Network `param:"from"`
}

// ports are a port or a range, as text.
type ports struct{ nft.Ports }

// UnmarshalText reads "443" or "5900-5910".
func (p *ports) UnmarshalText(text []byte) (err error) {
	p.Ports, err = nft.ParsePorts(string(text))
	return err
}

// Below leastConfirm no controller makes a new connection; above mostConfirm the time is a mistake.
const (
	leastConfirm = 5 * time.Second
	mostConfirm  = 24 * time.Hour
)

// Validate says what is wrong with values that are right by themselves.
func (p *params) Validate() error {
	var wrong error
	if c := p.ConfirmWithin; c != 0 && (c < leastConfirm || c > mostConfirm) {
		wrong = fmt.Errorf("confirm_within is %s; write 0, or from %s to %s", c, leastConfirm, mostConfirm)
	}
	return errors.Join(wrong, p.config(nil).Check())
}

// Module is the module.
var Module = ansible.New(docs, func(ctx context.Context, t *ansible.Task, p params) ([]host.Change, error) {
	if err := lock(ctx, t.Host); err != nil {
		return nil, err
	}
	return plan(ctx, t, p)
})

// locked is held from the first plan to the end of the process, over the changes and the plan after them.
var locked = map[*host.Host]io.Closer{}

func lock(ctx context.Context, h *host.Host) error {
	if locked[h] != nil {
		return nil
	}
	held, err := nft.Lock(ctx, h)
	if err == nil {
		locked[h] = held
	}
	return err
}

func plan(ctx context.Context, t *ansible.Task, p params) ([]host.Change, error) {
	managed, err := p.management(ctx, t.Host)
	if err != nil {
		return nil, err
	}
	if p.State == "confirmed" {
		t.Return("pending", false)
		return nft.PlanConfirmed(ctx, t.Host, p.config(managed))
	}
	o := nft.Options{Confirm: p.ConfirmWithin, AllowLockout: p.AllowLockout, Now: time.Now()}
	changes, trial, err := nft.PlanChange(ctx, t.Host, p.config(managed), o)
	t.Return("pending", trial != nil)
	if trial != nil {
		t.Return("confirm_by", trial.ConfirmBy.Format(time.RFC3339))
	}
	return changes, err
}

// management are the networks of the task, or those of the node's answers.
func (p params) management(ctx context.Context, h *host.Host) ([]netip.Prefix, error) {
	if p.Management == nil {
		return nft.Asked(ctx, h)
	}
	return ansible.Prefixes(*p.Management), nil
}

func (p params) config(management []netip.Prefix) nft.Config {
	c := nft.Config{Management: management}
	for _, s := range p.Services {
		c.Services = append(c.Services, nft.Service{Name: s.Name, Protocol: s.Protocol, Ports: s.Port.Ports, From: ansible.Prefixes(s.From)})
	}
	return c
}
