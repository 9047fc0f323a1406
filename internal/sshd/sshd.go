// Package sshd is how the SSH server is hardened: one drop-in, checked before it is live, and a look at what sshd makes of
// all its files. Host keys are made here too; accounts and their keys are not.
package sshd

import (
	"context"
	"fmt"
	"strings"

	"debvisor/internal/host"
)

// Where things are.
const (
	Path    = "/etc/ssh/sshd_config.d/10-debvisor.conf"
	mainCfg = "/etc/ssh/sshd_config"
	runDir  = "/run/sshd"
	Unit    = "ssh.service"
)

// Config is what a machine may choose.
type Config struct {
	Passwords bool // password logins stay
}

// DropIn is the text of the drop-in. sshd takes the first value it meets, hence the low number in its name.
func (c Config) DropIn() string {
	return `# Written by DebVisor.
PermitRootLogin no
PasswordAuthentication ` + yesNo(c.Passwords) + `
KbdInteractiveAuthentication no
PermitEmptyPasswords no
PubkeyAuthentication yes
HostbasedAuthentication no
PermitUserEnvironment no
UsePAM yes
X11Forwarding no
LoginGraceTime 30
MaxAuthTries 4
ClientAliveInterval 300
ClientAliveCountMax 3
`
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// HostKeys plans the keys that sshd needs and does not have. ssh-keygen puts each in place only when it is whole.
func HostKeys(h *host.Host) ([]host.Change, error) {
	for _, kind := range []string{"rsa", "ecdsa", "ed25519"} {
		info, err := h.Stat("/etc/ssh/ssh_host_" + kind + "_key")
		if err != nil || info.Size() == 0 {
			return []host.Change{host.Exec{Cmd: host.Cmd{Args: []string{"ssh-keygen", "-A"}}}}, nil
		}
	}
	return nil, nil
}

// File is the drop-in.
func (c Config) File() host.File { return host.File{Path: Path, Content: c.DropIn(), Mode: 0o644} }

// Check plans what must come before the drop-in is written: sshd looks at it together with its other files. When it is in
// place, what sshd makes of all files must agree with it; one that says otherwise is an error that names the setting.
func (c Config) Check(ctx context.Context, h *host.Host) ([]host.Change, error) {
	drop, err := h.Need(c.File())
	if err != nil {
		return nil, err
	}
	var changes []host.Change
	if !h.Exists(runDir) { // sshd checks nothing without it, and before the first start it is not there
		changes = append(changes, host.Mkdir{Path: runDir, Mode: 0o755})
	}
	if len(drop) == 0 {
		if len(changes) == 0 {
			return nil, c.verify(ctx, h)
		}
		return changes, nil
	}
	rest, err := h.ReadFile(mainCfg)
	if err != nil {
		return nil, err
	}
	return append(changes, host.Exec{Why: "check the SSH server's configuration",
		Cmd: host.Cmd{Args: []string{"/usr/sbin/sshd", "-t", "-f", "/dev/stdin"}, Stdin: c.DropIn() + string(rest)}}), nil
}

// verify compares what sshd would do with what was asked for.
func (c Config) verify(ctx context.Context, h *host.Host) error {
	out, err := h.Run(ctx, "/usr/sbin/sshd", "-T")
	if err != nil {
		return err
	}
	effective := map[string]string{}
	for line := range strings.Lines(string(out)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		effective[key] = value
	}
	for _, w := range [][2]string{
		{"permitrootlogin", "no"}, {"passwordauthentication", yesNo(c.Passwords)},
		{"kbdinteractiveauthentication", "no"}, {"permitemptypasswords", "no"}, {"pubkeyauthentication", "yes"},
	} {
		if got := effective[w[0]]; got != w[1] {
			return fmt.Errorf("harden the SSH server: %s is %q, not %q: an earlier file in /etc/ssh/sshd_config.d says otherwise", w[0], got, w[1])
		}
	}
	return nil
}
