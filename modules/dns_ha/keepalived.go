package dns_ha

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"debvisor/internal/ansible"
	"debvisor/internal/dns/named"
	"debvisor/internal/host"
	"debvisor/internal/unit"
)

const (
	keepalivedUnit      = "keepalived.service"
	keepalivedPath      = "/etc/keepalived/keepalived.conf"
	keepalivedCandidate = "/etc/keepalived/.debvisor-candidate.conf"
	// keepalivedPending is there from before the file changes until keepalived has read it.
	keepalivedPending = named.RunDir + "/keepalived.pending"
)

var password = regexp.MustCompile(`(?m)^\s*(?:auth_pass|password)\s+"?([^\s"]+)`)

// keepalivedSecrets keeps passwords out of what keepalived says is wrong. The whole text is no secret to the runtime: it would
// take every word of it out of what keepalived says.
func keepalivedSecrets(t *ansible.Task, conf string) {
	for _, found := range password.FindAllStringSubmatch(conf, -1) {
		t.Secret(found[1])
	}
}

// keepalived plans the check of a new configuration, and the configuration itself, which is read without a restart: the
// virtual address stays where it is.
func keepalived(ctx context.Context, h *host.Host, conf string) (check, changes []host.Change, err error) {
	if conf == "" {
		return nil, nil, nil
	}
	file := host.File{Path: keepalivedPath, Content: conf, Mode: 0o600, Secret: true}
	written, err := h.Need(file)
	if err != nil || len(written) == 0 && !h.Exists(keepalivedPending) {
		return nil, nil, err
	}
	s, err := unit.Read(ctx, h, keepalivedUnit)
	if err != nil {
		return nil, nil, err
	}
	pending, err := h.Need(host.Dir{Path: named.RunDir, Mode: 0o755}, host.File{Path: keepalivedPending, Mode: 0o600})
	changes = append(pending, written...)
	if s.Running() {
		changes = append(changes, host.Exec{Cmd: host.Cmd{Args: []string{"systemctl", "reload", keepalivedUnit}}})
	}
	return []host.Change{checkKeepalived(h, file)}, append(changes, host.Remove{Path: keepalivedPending}), err
}

// checkKeepalived is a change because keepalived reads regular files only.
func checkKeepalived(h *host.Host, file host.File) host.Change {
	file.Path = keepalivedCandidate
	return host.Call{Why: "check keepalived's configuration: keepalived -t", Do: func(ctx context.Context) error {
		written, err := h.Need(file)
		if err == nil {
			err = h.Apply(ctx, written)
		}
		if err == nil {
			_, err = h.Run(ctx, "keepalived", "-t", "-f", keepalivedCandidate)
		}
		gone, goneErr := h.Need(host.Absent{Path: keepalivedCandidate})
		if goneErr = errors.Join(goneErr, h.Apply(context.WithoutCancel(ctx), gone)); err != nil {
			err = fmt.Errorf("keepalived: the new configuration is not taken up: %w", err)
		}
		return errors.Join(err, goneErr)
	}}
}
