// Package blocklist is the Ansible module blocklist: what a node blocks, from lists on the node and on the controller, and
// single addresses in quarantine. The lists, the guard and the kernel are internal/blocklist's.
package blocklist

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"path"
	"slices"
	"time"

	"debvisor/internal/ansible"
	"debvisor/internal/blocklist"
	"debvisor/internal/blocklist/kernel"
	"debvisor/internal/host"
	"debvisor/internal/nft"
)

//go:embed blocklist.yml
var docs string

type params struct {
	State                string            `param:"state,default=present,choices=present|absent"`
	Sources              []string          `param:"sources,path,default=/etc/debvisor/blocklist.txt"`
	Whitelists           []string          `param:"whitelists,path"`
	ControllerSources    map[string]string `param:"controller_sources"`
	ControllerWhitelists map[string]string `param:"controller_whitelists"`
	Management           []ansible.Network `param:"management"`
	BlockAnyway          []ansible.Network `param:"block_anyway"`
	SkipInvalid          bool              `param:"skip_invalid,default=false"`
	Refresh              *string           `param:"refresh"`
	Quarantine           *quarantine       `param:"quarantine,excludes=controller_sources|controller_whitelists|block_anyway"`
}

// Module is the module.
var Module = ansible.New(docs, func(ctx context.Context, t *ansible.Task, p params) ([]host.Change, error) {
	if err := lock(ctx, t.Host); err != nil {
		return nil, err
	}
	table, err := kernel.Open()
	if err != nil {
		return nil, err
	}
	return plan(ctx, t, table, p)
})

// locked is held from the first plan to the end of the process, over the changes and the plan after them.
var locked io.Closer

func lock(ctx context.Context, h *host.Host) (err error) {
	if locked == nil {
		locked, err = blocklist.Lock(ctx, h)
	}
	return err
}

// began is the time of the whole task: when it plans again, a quarantine of a second must not be over.
var began = time.Now()

func plan(ctx context.Context, t *ansible.Task, table blocklist.Table, p params) ([]host.Change, error) {
	if p.State == "absent" {
		return p.absent(ctx, t.Host, table)
	}
	desired, err := p.desired(ctx, t.Host)
	if err != nil {
		return nil, err
	}
	o, err := blocklist.Plan(ctx, t.Host, table, desired)
	tell(t, o, desired)
	if err != nil {
		return nil, err
	}
	timers, err := p.timers(ctx, t.Host, desired.Quarantine)
	return append(o.Changes, timers...), err
}

// desired is what the task asks for. A quarantine leaves the lists as they are, and the lists the quarantine.
func (p params) desired(ctx context.Context, h *host.Host) (blocklist.Desired, error) {
	managed, err := managed(ctx, h)
	if err != nil {
		return blocklist.Desired{}, err
	}
	q, err := blocklist.ReadQuarantine(h)
	if err != nil {
		return blocklist.Desired{}, err
	}
	d := blocklist.Desired{By: p.asker(), Now: began, Managed: managed, Quarantine: q.At(began)}
	if p.Quarantine != nil {
		d.KeepLists = true
		d.Quarantine, err = p.Quarantine.change(d.Quarantine, d.By, d.Now)
		return d, err
	}
	d.Settings = blocklist.Settings{Sources: p.Sources, Whitelists: p.Whitelists, SkipInvalid: p.SkipInvalid,
		BlockAnyway: ansible.Prefixes(p.BlockAnyway), Management: ansible.Prefixes(p.Management)}
	d.Texts = blocklist.Texts{}
	return d, errors.Join(take(&d, &d.Sources, "block", p.ControllerSources), take(&d, &d.Whitelists, "allow", p.ControllerWhitelists))
}

// managed are all networks that a node is looked after from: those of its answers, and those that its firewall lets in.
func managed(ctx context.Context, h *host.Host) ([]netip.Prefix, error) {
	asked, err := nft.Asked(ctx, h)
	if err != nil {
		return nil, err
	}
	let, err := nft.Management(h)
	return append(asked, let...), err
}

// take adds lists of the controller to those of the node. Each gets a file on the node, for the next time that the
// sources are read.
func take(d *blocklist.Desired, paths *[]string, kind string, texts map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		p := path.Join(blocklist.CopiesDir, kind+"-"+path.Base(name))
		if _, taken := d.Texts[p]; taken {
			return fmt.Errorf("two lists of the controller are called %s; rename one", path.Base(name))
		}
		d.Texts[p] = blocklist.Text{Name: name, Content: texts[name]}
		*paths = append(*paths, p)
	}
	return nil
}

func tell(t *ansible.Task, o blocklist.Outcome, d blocklist.Desired) {
	for _, w := range o.Warnings {
		t.Warn("%s", w)
	}
	rejected := []string{}
	for _, r := range o.Rejected {
		rejected = append(rejected, r.String())
	}
	n := o.List.Sizes()
	t.Return("counts", map[string]int{"lines": o.Lines, "entries": o.Entries, "rejected": o.RejectedTotal, "hosts_ipv4": n.Hosts4,
		"ranges_ipv4": n.Nets4, "hosts_ipv6": n.Hosts6, "ranges_ipv6": n.Nets6, "quarantined": len(d.Quarantine)})
	t.Return("added", o.Added.Sizes().Total())
	t.Return("removed", o.Removed.Sizes().Total())
	t.Return("rejected", rejected)
	t.Return("sha256", o.List.Digest())
	took := map[string]int64{}
	for phase, d := range o.Took {
		took[phase] = d.Milliseconds()
	}
	t.Return("took_ms", took)
}
