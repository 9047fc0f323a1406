package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"debvisor/internal/host"
)

func TestAPlaybookRunsWithBothCores(t *testing.T) {
	l := New(t, Options{Nodes: 3, Control: true, Packages: []string{"acl"}})
	play := filepath.Join(l.Shared(), "play.yml")
	noError(t, os.WriteFile(play, []byte(`
- hosts: nodes
  tasks:
    - ansible.builtin.copy: {content: "{{ inventory_hostname }} {{ lab_ipv4 }} {{ lab_ipv6 }}\n", dest: "/root/{{ core }}"}
    - ansible.builtin.command: id -un
      remote_user: alex
      become: true
      become_user: robin
      register: who
    - ansible.builtin.assert: {that: who.stdout == "robin"}
`), 0o644))
	for _, core := range Cores {
		out, err := l.Playbook(t.Context(), core, play, "--extra-vars", "core=c"+core)
		if err != nil || strings.Count(out, "changed=2 ") != 3 {
			t.Errorf("ansible-core %s: %v\n%s", core, err, out)
		}
		for _, n := range l.Nodes() {
			got, err := n.Exec(t.Context(), "cat", "/root/c"+core)
			if want := n.Name + " " + n.IPv4 + " " + n.IPv6 + "\n"; err != nil || got != want {
				t.Errorf("ansible-core %s wrote %q on %s, %v; want %q", core, got, n.Name, err, want)
			}
		}
		version, err := l.Ansible(t.Context(), core, "ansible", "--version")
		if err != nil || !strings.Contains(version, "core "+core+".") {
			t.Errorf("%v\n%s", err, version)
		}
	}
	failed, err := l.Playbook(t.Context(), "2.14", play, "--extra-vars", "core=/none/there")
	if err == nil || !strings.Contains(failed, "failed=1") {
		t.Errorf("a task that fails: %v\n%s", err, failed)
	}
}

// What a node is: looked at, and nothing changed.
func TestANodeIsWhatAMachineIsAfterFirstboot(t *testing.T) {
	l := New(t, Options{Nodes: 2})
	for command, want := range map[string]string{
		"systemctl is-system-running":                                      "running",
		"systemctl is-enabled nftables systemd-networkd ssh":               "enabled\nenabled\nenabled",
		"systemctl is-active nftables systemd-networkd ssh":                "active\nactive\nactive",
		"systemctl is-active debvisor-firstboot":                           "inactive",
		"hostname --fqdn":                                                  "node1.lab.test",
		"getent ahostsv4 node2 | cut -d' ' -f1 | sort -u":                  "10.99.0.12",
		"nft list set inet debvisor management4 | grep -o 10.99.0.0/24":    "10.99.0.0/24",
		"nft list chain inet debvisor input | grep -o 'policy drop'":       "policy drop",
		"id -un webpanel debvisor-rpc tsig-rotator":                        "webpanel\ndebvisor-rpc\ntsig-rotator",
		"sudo -u alex sudo -n id -u":                                       "0",
		"sudo -u robin sudo -n true 2>&1 | grep -o 'password is required'": "password is required",
		"python3 -c 'print(6 * 7)'":                                        "42",
		"/usr/local/bin/debvisor version | head -n 1 | cut -d' ' -f1":      "debvisor",
		"sshd -T | grep -i ^passwordauth":                                  "passwordauthentication no",
	} {
		if got, err := l.Node(1).Exec(t.Context(), "sh", "-c", command); err != nil && want != "inactive" || strings.TrimSpace(got) != want {
			t.Errorf("%s: %q, %v; want %q", command, got, err, want)
		}
	}
}

// Two nodes have nothing in common that machines do not have in common.
func TestNodesAreDifferentMachines(t *testing.T) {
	l := New(t, Options{Nodes: 2})
	for _, name := range []string{"/etc/machine-id", "/etc/hostname", "/etc/ssh/ssh_host_ed25519_key", "/proc/sys/kernel/random/boot_id"} {
		one, err1 := l.Node(1).Exec(t.Context(), "cat", name)
		two, err2 := l.Node(2).Exec(t.Context(), "cat", name)
		if err := errors.Join(err1, err2); err != nil || one == two {
			t.Errorf("%s is %q on both, %v", name, one, err)
		}
	}
	if _, err := l.Node(1).Exec(t.Context(), "touch", "/usr/mine"); err != nil {
		t.Error(err)
	}
	if out, err := l.Node(2).Exec(t.Context(), "ls", "/usr/mine"); err == nil {
		t.Errorf("node2 has what node1 wrote: %s", out)
	}
}

func TestNothingLeavesTheLab(t *testing.T) {
	outside, err := net.Listen("tcp", ":0") // this host, as a network outside would see it
	if err != nil {
		t.Fatal(err)
	}
	defer outside.Close()
	l := New(t, Options{Nodes: 1})
	_, port, err := net.SplitHostPort(outside.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	interfaces, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, a := range interfaces {
		ip := a.(*net.IPNet).IP
		if ip.To4() == nil || ip.IsLoopback() {
			continue
		}
		tried++
		if out, err := l.Node(1).Exec(t.Context(), "timeout", "3", "bash", "-c", "echo > /dev/tcp/"+ip.String()+"/"+port); err == nil {
			t.Errorf("%s is reached from a node: %s", ip, out)
		}
		if _, err := l.Dial(t.Context(), "tcp", net.JoinHostPort(ip.String(), port)); err == nil {
			t.Errorf("%s is reached from the lab's network", ip)
		}
	}
	if tried == 0 {
		t.Skip("needs an address beside loopback's")
	}
	links, err := l.Run(t.Context(), "", "ip", "-brief", "link")
	if names := strings.Fields(links); err != nil || len(strings.Split(strings.TrimSpace(links), "\n")) != 3 {
		t.Errorf("the lab's network has more than loopback, the bridge and a link: %q, %v", names, err)
	}
}

func TestLinksAndPower(t *testing.T) {
	l := New(t, Options{Nodes: 2})
	ctx := t.Context()
	one, two := l.Node(1), l.Node(2)
	reach := func() error {
		_, err := one.Exec(ctx, "ping", "-c1", "-W2", "-q", two.IPv4)
		return err
	}
	noError(t, reach())
	noError(t, two.Cut(ctx))
	if reach() == nil {
		t.Error("a node whose cable is unplugged answers")
	}
	if out, err := two.Exec(ctx, "cat", "/sys/class/net/host0/carrier"); err != nil || out != "0\n" {
		t.Errorf("the node sees carrier %q, %v", out, err)
	}
	noError(t, two.Restore(ctx))
	noError(t, eventually(reach))
	if _, err := two.Exec(ctx, "sh", "-c", "echo kept > /var/tmp/x; echo lost > /run/x"); err != nil {
		t.Error(err)
	}
	noError(t, two.Kill(ctx))
	if reach() == nil {
		t.Error("a node without power answers")
	}
	if two.Kill(ctx) == nil || two.Cut(ctx) == nil {
		t.Error("a node without power can be killed or cut")
	}
	if _, err := two.Exec(ctx, "true"); err == nil {
		t.Error("a node without power runs a command")
	}
	noError(t, two.Boot(ctx))
	noError(t, eventually(reach))
	if out, err := two.Exec(ctx, "sh", "-c", "cat /var/tmp/x; ls /run/x 2>&1"); !strings.HasPrefix(out, "kept\n") || strings.Contains(out, "lost") {
		t.Errorf("after the power cut: %q, %v", out, err)
	}
	if two.Boot(ctx) == nil {
		t.Error("a node that runs can be booted")
	}
}

// A node that somebody shut down from inside can be started again. Its guests were given the time to end; libvirtd itself
// takes half a minute at times.
func TestANodeThatWasShutDownBoots(t *testing.T) {
	l := New(t, Options{Nodes: 1})
	n := l.Node(1)
	if _, err := n.Exec(t.Context(), "systemctl", "poweroff"); err != nil {
		t.Error(err)
	}
	noError(t, eventually(func() error {
		// Only looks: a command that runs there when systemd stops all processes stays stopped, and with it the node.
		if _, err := n.command(t.Context(), nil); err == nil {
			return errors.New("the node still runs")
		}
		return nil
	}))
	noError(t, eventually(func() error { return n.Boot(t.Context()) }))
	log, err := n.Exec(t.Context(), "journalctl", "--boot=-1", "--output=cat", "--unit=libvirtd", "--unit=libvirt-guests")
	if err != nil {
		t.Error(err)
	}
	guests, libvirtd := strings.Index(log, "Stopped libvirt-guests"), strings.Index(log, "Stopping libvirtd")
	if guests < 0 || libvirtd < guests {
		t.Errorf("libvirt ends before the guests do:\n%s", log)
	}
}

func eventually(f func() error) (err error) {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = f(); err == nil {
			return nil
		}
	}
	return err
}

// Ansible's ssh keeps a connection; the lab must not: it would stay, and the next lab has the same addresses.
func TestConnectionsAreKeptAndEndWithTheLab(t *testing.T) {
	dir := inEmptyTemp(t)
	l := New(t, Options{Nodes: 1, Dir: dir})
	for range 2 {
		if out, err := l.Ansible(t.Context(), "2.14", "ansible", "all", "--module-name", "ansible.builtin.ping"); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	sockets, err := filepath.Glob(filepath.Join(dir, "cp", "*"))
	if err != nil || len(sockets) != 1 {
		t.Errorf("there are %d kept connections, %v; want 1", len(sockets), err)
	}
	s := tracesOf(t, l)
	noError(t, l.Close())
	nothingLeft(t, s.left)
	nothingLeft(t, func(t *testing.T) []string {
		var left []string
		for _, pid := range processesOf(t, dir) {
			left = append(left, fmt.Sprint("process ", pid))
		}
		return left
	})
}

// A node that answers with another key is not the one that the lab made.
func TestHostKeysAreChecked(t *testing.T) {
	l := New(t, Options{Nodes: 2})
	ssh := []string{"ssh", "-F", filepath.Join(l.Dir, sshConfigFile), "-o", "BatchMode=yes"}
	login := func(args ...string) error {
		_, err := host.System{}.Run(t.Context(), host.Cmd{Args: append(append([]string{}, ssh...), args...)})
		return err
	}
	noError(t, login("node1", "true"))
	noError(t, login("robin@"+l.Node(2).IPv4, "true"))
	if err := login("-o", "HostKeyAlias=node2", "node1", "true"); err == nil || !strings.Contains(err.Error(), "verification failed") {
		t.Errorf("node1 is taken for node2: %v", err)
	}
}

func TestWhatIsStartedInTheLabEndsWithIt(t *testing.T) {
	dir := inEmptyTemp(t)
	l := New(t, Options{Nodes: 1, Dir: dir})
	p, err := l.Begin(t.Context(), host.Streams{}, "sleep", "1000")
	noError(t, err)
	var out bytes.Buffer
	noError(t, l.Node(1).Attach(t.Context(), host.Streams{In: strings.NewReader("in"), Out: &out}, "sh", "-c", "cat; hostname"))
	if out.String() != "innode1\n" {
		t.Errorf("got %q", out.String())
	}
	noError(t, l.Close())
	if p.Wait() == nil {
		t.Error("sleep ended by itself")
	}
}

func TestAPanicLeavesNothing(t *testing.T) {
	if dir := os.Getenv("DEBVISOR_LAB_PANIC"); dir != "" {
		if _, err := Start(context.Background(), Options{Nodes: 1, Dir: dir}); err != nil {
			t.Fatal(err)
		}
		panic("the lab was up")
	}
	if err := Can(); err != nil {
		t.Skip(err)
	}
	dir := inEmptyTemp(t)
	self, err := os.Executable()
	noError(t, err)
	_, err = host.System{}.Run(t.Context(), host.Cmd{Args: []string{self, "-test.run", "^" + t.Name() + "$"}, Env: []string{"DEBVISOR_LAB_PANIC=" + dir}})
	if err == nil || !strings.Contains(err.Error(), "panic") && !strings.Contains(err.Error(), "goroutine") {
		t.Errorf("no panic: %v", err)
	}
	nothingLeft(t, traces{dir: dir}.leftFiles)
}

func TestALabThatCannotBeIsRefused(t *testing.T) {
	busy, err := os.MkdirTemp("", "lab")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { noError(t, os.RemoveAll(busy)) })
	noError(t, os.WriteFile(filepath.Join(busy, "mine"), nil, 0o600))
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{}, "it has no node"},
		{Options{Nodes: 81}, "it can have up to 80"},
		{Options{Nodes: 1, Packages: []string{"--reinstall"}}, `"--reinstall" is no package's name`},
	} {
		if _, err := Start(t.Context(), c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v; want %q", c.o, err, c.want)
		}
	}
	if _, err := makeDir(busy + strings.Repeat("x", longestDir)); err == nil || !strings.Contains(err.Error(), "too long") {
		t.Errorf("a directory with a long name: %v", err)
	}
	if _, err := makeDir(busy); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("a directory that holds something: %v", err)
	}
	if _, err := os.Stat(filepath.Join(busy, "mine")); err != nil {
		t.Error(err)
	}
	t.Setenv("DEBVISOR_LAB_ROOT", busy)
	if _, err := (trees{repo: busy}).with(t.Context(), nil); !errors.Is(err, ErrCannot) {
		t.Errorf("a root that is none: %v", err)
	}
	if _, err := Open(busy); !errors.Is(err, ErrNone) {
		t.Errorf("a lab that is not there: %v", err)
	}
}
