package lab

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"debvisor/internal/host"
	"debvisor/internal/netcfg"
	"debvisor/internal/nft"
	"debvisor/internal/sshd"
)

// machine is a node as the supervisor sees it.
type machine struct {
	nodeSpec
	lab     *spec
	busy    sync.Mutex                   // one thing is done to a node at a time
	process atomic.Pointer[host.Process] // nil before the first boot
}

func (m *machine) dir(name string) string { return filepath.Join(m.lab.Dir, runDir, m.Name, name) }

func (m *machine) group() string { return filepath.Join(groupRoot, m.Name) }

// make lays the node's own tree over the shared ones and writes what the installer and firstboot would.
func (m *machine) make() error {
	if err := makeDirs(m.dir("upper"), m.dir("work"), m.dir("root")); err != nil {
		return err
	}
	if err := mountOverlay(m.dir("root"), m.Lower, m.dir("upper"), m.dir("work")); err != nil {
		return err
	}
	h := &host.Host{Root: m.dir("root")}
	wants, err := m.wants(h)
	if err != nil {
		return err
	}
	changes, err := h.Need(wants...)
	if err != nil {
		return err
	}
	return h.Apply(context.Background(), changes)
}

func (m *machine) wants(h *host.Host) ([]host.Want, error) {
	hosts, err := h.ReadFile("/etc/hosts")
	if err != nil {
		return nil, err
	}
	id := make([]byte, 16)
	rand.Read(id)
	firewall, err := managed()
	if err != nil {
		return nil, err
	}
	wants := []host.Want{
		host.File{Path: "/etc/machine-id", Content: hex.EncodeToString(id) + "\n", Mode: 0o444},
		host.File{Path: "/etc/hostname", Content: m.Name + "\n", Mode: 0o644},
		host.File{Path: "/etc/hosts", Content: netcfg.Hosts(string(hosts), m.Name+domain) + m.lab.hosts(), Mode: 0o644},
		host.File{Path: "/etc/systemd/network/10-lab.network", Content: m.networkFile(), Mode: 0o644},
		host.File{Path: "/etc/ssh/ssh_host_ed25519_key", Content: m.HostKey, Mode: 0o600, Secret: true},
		host.File{Path: "/etc/ssh/ssh_host_ed25519_key.pub", Content: m.PublicHostKey, Mode: 0o644},
		host.File{Path: "/etc/systemd/system/service.d/lab.conf", Content: noCredentials, Mode: 0o644},
		host.File{Path: sshd.Path, Content: sshd.Config{}.DropIn(), Mode: 0o600},
		// sshd takes the first value that it meets.
		host.File{Path: "/etc/ssh/sshd_config.d/00-lab.conf", Content: "# Tests log in as root.\nPermitRootLogin prohibit-password\n", Mode: 0o600},
	}
	return append(append(wants, firewall...), m.keys()...), nil
}

// noCredentials spares each service two mounts. systemd looks at no more than five in a second, so that a boot takes
// three times as long with them; there are no credentials in a lab.
const noCredentials = "[Service]\nImportCredential=\n"

// domain is what nodes are in.
const domain = ".lab.test"

// managed is the firewall with the lab as its management network.
func managed() ([]host.Want, error) {
	var c nft.Config
	for _, s := range []string{network4, network6} {
		p, err := parsePrefix(s)
		if err != nil {
			return nil, err
		}
		c.Management = append(c.Management, p)
	}
	return nft.Files(c), nil
}

func (m *machine) keys() []host.Want {
	var wants []host.Want
	for home, owner := range map[string]string{"/root": "root:root", "/home/" + Admin: Admin + ":" + Admin, "/home/" + Other: Other + ":" + Other} {
		wants = append(wants, host.Dir{Path: home + "/.ssh", Mode: 0o700, Owner: owner},
			host.File{Path: home + "/.ssh/authorized_keys", Content: m.lab.Authorized, Mode: 0o600, Owner: owner})
	}
	return wants
}

func (s *spec) hosts() string {
	var b strings.Builder
	for _, n := range s.Nodes {
		fmt.Fprintf(&b, "%s %s%s %s\n%s %s%s %s\n", n.IPv4, n.Name, domain, n.Name, n.IPv6, n.Name, domain, n.Name)
	}
	return b.String()
}

// networkFile has the bridge as a gateway, which leads nowhere.
func (m *machine) networkFile() string {
	return fmt.Sprintf("[Match]\nName=host0\n\n[Network]\nAddress=%s/24\nAddress=%s/64\nGateway=%s\nGateway=%s\nIPv6AcceptRA=no\nIPv6DuplicateAddressDetection=0\n",
		m.IPv4, m.IPv6, bridge4, bridge6)
}

// masked are units that have nothing to do in a lab: firstboot's work is done, and there is no mirror to ask.
var masked = []string{"debvisor-firstboot.service", "apt-daily.timer", "apt-daily-upgrade.timer"}

// boot switches the node on and returns when it has come up. The link of a node that boots is whole.
func (m *machine) boot(ctx context.Context) error {
	if m.on() {
		return fmt.Errorf("boot %s: it runs", m.Name)
	}
	if err := removeGroup(m.group()); err != nil {
		return err
	}
	if err := os.MkdirAll(m.group(), 0o755); err != nil {
		return err
	}
	console, err := os.OpenFile(filepath.Join(m.lab.Dir, m.Name+".console"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer console.Close()
	process, err := host.Start(context.WithoutCancel(ctx), host.Cmd{Args: m.nspawn()}, host.Streams{Out: console, Err: console})
	if err != nil {
		return err
	}
	m.process.Store(process)
	if err := m.up(ctx); err != nil {
		return errors.Join(fmt.Errorf("boot %s: %w", m.Name, err), m.kill())
	}
	return nil
}

// nspawn starts in the node's own control group.
func (m *machine) nspawn() []string {
	args := []string{"sh", "-c", `echo 0 > "$0/cgroup.procs" && exec "$@"`, m.group(),
		"systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--settings=no", "--machine=" + m.Name, "--directory=" + m.dir("root"),
		"--network-bridge=" + bridgeName, "--link-journal=no", "--console=pipe", "--resolv-conf=off", "--timezone=off"}
	if m.Name == control {
		args = append(args, m.lab.binds()...)
	}
	args = append(args, "--boot")
	for _, u := range masked {
		args = append(args, "systemd.mask="+u)
	}
	return args
}

// sourceMount is where the control node has the repository.
const sourceMount = "/src"

// binds are what the control node sees of this host. The repository and the lab's directory are also at their own names,
// so that what names them is right on both sides.
func (s *spec) binds() []string {
	inside, shared := filepath.Join(s.Dir, insideDir), filepath.Join(s.Dir, sharedDir)
	return []string{
		"--bind-ro=" + s.Repo + ":" + sourceMount, "--bind-ro=" + s.Repo + ":" + s.Repo,
		"--bind=" + inside + ":" + insideMount, "--bind=" + inside + ":" + s.Dir,
		"--bind=" + shared + ":" + shared,
	}
}

// patience is how long a node may take; it is long because a machine can be busy.
const patience = 2 * time.Minute

// up waits until systemd has started everything, and then for the SSH server's greeting. A unit that fails is a matter of
// the test.
func (m *machine) up(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := m.until(ctx, m.started); err != nil {
		return fmt.Errorf("it does not start: %w", err)
	}
	if err := m.until(ctx, m.greets); err != nil {
		return fmt.Errorf("its SSH server does not answer: %w", err)
	}
	return nil
}

func (m *machine) until(ctx context.Context, holds func(context.Context) bool) error {
	for !holds(ctx) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-m.process.Load().Done():
			return fmt.Errorf("it ended; its console says why: %w", m.process.Load().Wait())
		case <-time.After(10 * time.Millisecond):
		}
	}
	return nil
}

// started asks systemd, which does not answer at first, and then when it is done.
func (m *machine) started(ctx context.Context) bool {
	pid, err := firstOf(m.group())
	if err != nil {
		return false
	}
	// For "degraded" the exit code is not 0 either.
	out, _ := host.System{}.Run(ctx, host.Cmd{Args: append(nsenter(pid, nodeNamespaces...), "systemctl", "is-system-running", "--wait")})
	state := strings.TrimSpace(string(out))
	return state == "running" || state == "degraded"
}

// greets reports whether the node's SSH server says that it is one.
func (m *machine) greets(ctx context.Context) bool {
	d := net.Dialer{Timeout: time.Second}
	c, err := d.DialContext(ctx, "tcp", net.JoinHostPort(m.IPv4, "22"))
	if err != nil {
		return false
	}
	defer c.Close()
	hello := make([]byte, 4)
	if c.SetDeadline(time.Now().Add(time.Second)) != nil {
		return false
	}
	_, err = c.Read(hello)
	return err == nil && string(hello) == "SSH-"
}

// kill cuts the node's power: nothing in it gets to know.
func (m *machine) kill() error {
	if !m.on() {
		return fmt.Errorf("kill %s: it does not run", m.Name)
	}
	err := removeGroup(m.group())
	<-m.process.Load().Done()
	return errors.Join(err, m.unplug(context.Background()))
}

// unplug removes the far end of the node's cable. The kernel does so with the node's network, but some time after the node's
// last process, and until then the node could not be started again.
func (m *machine) unplug(ctx context.Context) error {
	far := "vb-" + m.Name
	if ip(ctx, "link show "+far) != nil {
		return nil
	}
	if err := ip(ctx, "link delete "+far); err != nil && ip(ctx, "link show "+far) == nil {
		return err
	}
	return nil
}

func (m *machine) on() bool {
	p := m.process.Load()
	if p == nil {
		return false
	}
	select {
	case <-p.Done(): // its power was cut, or it was shut down from inside
		return false
	default:
		return true
	}
}

// cable sets the far end of the node's link up or down; the node sees what it sees of a cable.
func (m *machine) cable(ctx context.Context, state string) error {
	if !m.on() {
		return fmt.Errorf("set the link of %s %s: the node does not run", m.Name, state)
	}
	return ip(ctx, "link set vb-"+m.Name+" "+state)
}

func (m *machine) status() nodeStatus {
	s := nodeStatus{Name: m.Name}
	if m.on() {
		// A node that is just starting or ending has no first process yet, or no more.
		s.Pid, _ = firstOf(m.group())
	}
	return s
}
