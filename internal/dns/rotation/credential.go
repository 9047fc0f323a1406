package rotation

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"strings"

	"debvisor/internal/host"
)

// Accounts of a rotation that a node runs itself. Sudo lets both do the steps, and nothing else.
const (
	Runner     = "tsig-rotator" // runs the playbook; nobody logs in to it
	RunnerHome = "/var/lib/tsig-rotator"
	Peer       = "debvisor-tsig" // what the runner of another node logs in to
	PeerHome   = "/var/lib/debvisor-tsig"
)

// RunnerKeyPath is the runner's SSH key; the public half has .pub behind it.
const RunnerKeyPath = RunnerHome + "/.ssh/id_ed25519"

// Credential is who may rotate the keys of this machine over SSH.
type Credential struct {
	Keys []string     // public keys of the runners, as in their .pub files
	From []netip.Addr // addresses that they may come from
}

// PlanRunnerHome plans the runner's directory. The account is there since first boot.
func PlanRunnerHome(h *host.Host) ([]host.Change, error) {
	owner := Runner + ":" + Runner
	return h.Need(host.Dir{Path: RunnerHome, Mode: 0o700, Owner: owner}, host.Dir{Path: RunnerHome + "/.ssh", Mode: 0o700, Owner: owner})
}

// PlanRunnerKey plans the runner's SSH key, which is never replaced. Its public half is in RunnerKeyPath.pub afterwards.
func PlanRunnerKey(h *host.Host) ([]host.Change, error) {
	changes, err := PlanRunnerHome(h)
	if err != nil || h.Exists(RunnerKeyPath+".pub") {
		return changes, err
	}
	generate := []string{"runuser", "--user", Runner, "--", "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", Runner, "-f", RunnerKeyPath}
	if h.Exists(RunnerKeyPath) { // a run was ended between the two files
		changes = append(changes, host.Remove{Path: RunnerKeyPath})
	}
	return append(changes, host.Exec{Cmd: host.Cmd{Args: generate}, Why: "make the SSH key of " + Runner}), nil
}

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
		changes = append(changes, host.Exec{Cmd: host.Cmd{Args: []string{"useradd", "--system", "--user-group", "--create-home",
			"--home-dir", PeerHome, "--shell", "/bin/sh", "--password", "*", Peer}}})
	}
	owner := Peer + ":" + Peer
	files, err := h.Need(host.Dir{Path: PeerHome, Mode: 0o700, Owner: owner}, host.Dir{Path: PeerHome + "/.ssh", Mode: 0o700, Owner: owner},
		host.File{Path: PeerHome + "/.ssh/authorized_keys", Content: text, Mode: 0o600, Owner: owner})
	return append(changes, files...), err
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
