package rotation

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"strings"

	"debvisor/internal/host"
)

// Accounts of a rotation that a node runs itself. As root both may do the steps, and nothing else.
const (
	Runner     = "tsig-rotator" // runs the playbook; nobody logs in to it
	RunnerHome = "/var/lib/tsig-rotator"
	Peer       = "debvisor-tsig" // what the runner of another node logs in to
	PeerHome   = "/var/lib/debvisor-tsig"
)

// What SSH needs for it is root's, in a directory of root's: in one that an account may write to, a link could lead what root
// writes to anywhere.
const (
	sshDir         = "/etc/debvisor/ssh"
	RunnerKeyPath  = sshDir + "/id_ed25519" // the runner's key; the public half has .pub behind it
	KnownHostsPath = sshDir + "/known_hosts"
	PeerKeysPath   = sshDir + "/debvisor-tsig.keys" // who may log in; sshd reads it by sshd_config.d/20-debvisor-tsig.conf
)

// peerWork are the only directories of its home that the account may write to: Ansible's, and its cache of modules.
var peerWork = []string{PeerHome + "/.ansible", PeerHome + "/.cache"}

// Credential is who may rotate the keys of this machine over SSH.
type Credential struct {
	Keys []string     // public keys of the runners, as in their .pub files
	From []netip.Addr // addresses that they may come from
}

// PlanRunnerHome plans the runner's directory, in which root does nothing. The account is there since first boot.
func PlanRunnerHome(h *host.Host) ([]host.Change, error) {
	return h.Need(host.Dir{Path: RunnerHome, Mode: 0o700, Owner: Runner + ":" + Runner})
}

// PlanRunnerKey plans the runner's SSH key, which is never replaced, and which the account may read. Its public half is in
// RunnerKeyPath.pub afterwards.
func PlanRunnerKey(h *host.Host) ([]host.Change, error) {
	changes, err := h.Need(host.Dir{Path: sshDir, Mode: 0o755})
	if err != nil {
		return nil, err
	}
	private, err := h.ReadFile(RunnerKeyPath)
	switch there := h.Exists(RunnerKeyPath + ".pub"); {
	case err == nil && there:
		perm, err := h.Need(host.File{Path: RunnerKeyPath, Content: string(private), Mode: 0o640, Owner: runnerReads, Secret: true})
		return append(changes, perm...), err
	case err == nil: // a run was ended between the two files
		changes = append(changes, host.Remove{Path: RunnerKeyPath})
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	generate := []string{"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", Runner, "-f", RunnerKeyPath}
	return append(changes, host.Exec{Cmd: host.Cmd{Args: generate}, Why: "make the SSH key of " + Runner},
		host.Perm{Path: RunnerKeyPath, Mode: 0o640, Owner: runnerReads}), nil
}

// runnerReads is root's, of the runner's group: ssh takes a key that others may read when it is not the caller's own file.
const runnerReads = "root:" + Runner

// PlanCredential plans the account that the given runners log in to: by key alone, from the given addresses alone, with
// neither a terminal nor forwarding. No key or no address, and nobody may.
func PlanCredential(h *host.Host, c Credential) ([]host.Change, error) {
	text, err := c.authorized()
	if err != nil {
		return nil, err
	}
	var changes []host.Change
	switch there, err := hasAccount(h, Peer); {
	case err != nil:
		return nil, err
	case !there:
		// "*" is no password, and unlike "!" no account that sshd takes for locked.
		changes = append(changes, host.Exec{Cmd: host.Cmd{Args: []string{"useradd", "--system", "--user-group", "--no-create-home",
			"--home-dir", PeerHome, "--shell", "/bin/sh", "--password", "*", Peer}}})
	}
	home, err := planPeerHome(h)
	if err != nil {
		return nil, err
	}
	files, err := h.Need(host.Dir{Path: sshDir, Mode: 0o755}, host.File{Path: PeerKeysPath, Content: text, Mode: 0o644})
	return slices.Concat(changes, home, files), err
}

// planPeerHome plans a home that is root's. What is in it is looked at once nobody else can change it.
func planPeerHome(h *host.Host) ([]host.Change, error) {
	changes, err := h.Need(host.Dir{Path: PeerHome, Mode: 0o755})
	if err != nil || len(changes) == 0 {
		work, more := planPeerWork(h)
		return work, errors.Join(err, more)
	}
	return append(changes, host.Call{Why: "make " + strings.Join(peerWork, " and "), Do: func(ctx context.Context) error {
		work, err := planPeerWork(h)
		return errors.Join(err, h.Apply(ctx, work))
	}}), nil
}

func planPeerWork(h *host.Host) ([]host.Change, error) {
	var wants []host.Want
	for _, dir := range peerWork {
		if info, err := h.Lstat(dir); err == nil && !info.IsDir() {
			return nil, fmt.Errorf("%s is no directory, and nothing of ours: remove it", dir)
		}
		wants = append(wants, host.Dir{Path: dir, Mode: 0o700, Owner: Peer + ":" + Peer})
	}
	return h.Need(wants...)
}

func (c Credential) authorized() (string, error) {
	text := "# Written by DebVisor: who rotates the TSIG keys of this node.\n"
	from := make([]string, len(c.From))
	for i, a := range c.From {
		from[i] = a.String()
	}
	for _, key := range c.Keys {
		fields := strings.Fields(key)
		if len(fields) < 2 || !strings.HasPrefix(fields[0], "ssh-") || strings.ContainsAny(strings.TrimSpace(key), "\r\n\"") {
			return "", errors.New("a public key is not a line such as in " + RunnerKeyPath + ".pub")
		}
		if len(from) > 0 {
			text += fmt.Sprintf("restrict,from=%q %s %s\n", strings.Join(from, ","), fields[0], fields[1])
		}
	}
	return text, nil
}

func hasAccount(h *host.Host, name string) (bool, error) {
	data, err := h.ReadFile("/etc/passwd")
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, name+":") {
			return true, nil
		}
	}
	return false, err
}
