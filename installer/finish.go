package installer

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"debvisor/internal/disk"
	"debvisor/internal/host"
)

// installLog is the record of the installation on the new system.
const installLog = "/var/log/debvisor/install-profile.log"

// finish plans the record and the unmounting; nothing is left to do when nothing of the target is mounted.
func (r *run) finish(context.Context) ([]host.Change, error) {
	unmounts, err := r.unmounts()
	if err != nil || len(unmounts) == 0 {
		return nil, err
	}
	record, err := r.new.Need(host.File{Path: installLog, Content: r.record(), Mode: 0o644})
	if err != nil {
		return nil, err
	}
	return append(append(record, host.Exec{Cmd: host.Cmd{Args: []string{"sync"}}}), unmounts...), nil
}

// unmounts plans to unmount the target, what was mounted last first.
func (r *run) unmounts() ([]host.Change, error) {
	mounted, err := r.mounted()
	if err != nil {
		return nil, err
	}
	slices.Reverse(mounted)
	var changes []host.Change
	for _, where := range mounted {
		changes = append(changes, host.Exec{Cmd: host.Cmd{Args: []string{"umount", where}}})
	}
	return changes, nil
}

// record is what was installed where, for people and for the profile summary.
func (r *run) record() string {
	var b strings.Builder
	p := r.plan
	fmt.Fprintf(&b, "DebVisor %s, %s edition, build %s\n", p.Image.Version, p.Image.Edition, p.Image.BuildID)
	fmt.Fprintf(&b, "installed %s\n", r.began.UTC().Format(time.RFC3339))
	fmt.Fprintf(&b, "host %s\nprofile %s\n", p.Answers.Node.Host.FQDN, p.Answers.Node.Storage.Profile)
	fmt.Fprintf(&b, "answers from %s\n", p.Answers.Source)
	fmt.Fprintf(&b, "system disk %s\n%s", identify(p.Choice.System.Disk), p.Layout)
	for _, t := range p.Choice.Data {
		fmt.Fprintf(&b, "data disk %s (not touched)\n", identify(t.Disk))
	}
	for _, t := range r.took {
		fmt.Fprintf(&b, "step %s %.1f s\n", t.step, t.took.Seconds())
	}
	return b.String()
}

// identify is a disk by what it keeps when it is moved to another slot.
func identify(d disk.Disk) string {
	text := d.Path + ": " + describe(d)
	if d.WWN != "" {
		text += ", wwn " + d.WWN
	}
	return text
}
