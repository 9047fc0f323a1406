package firstboot

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"debvisor/config"
	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
	"debvisor/internal/step"
)

// machine is a freshly installed system with what its kernel and daemons would know: a runner whose commands have effects.
type machine struct {
	*host.Host
	t     *testing.T
	units map[string]string            // load, file and active state
	read  map[string]string            // unit or kernel to what it has read
	virt  map[string]map[string]string // kind to name to flags: a autostart, r running
}

const installed = `
-- etc/passwd --
root:x:0:0:root:/root:/bin/bash
-- etc/group --
root:x:0:
sudo:x:27:
libvirt:x:104:
kvm:x:105:
bind:x:106:
-- etc/shadow --
root:*:20000:0:99999:7:::
-- etc/hostname --
debian
-- etc/hosts --
127.0.0.1	localhost
-- etc/machine-id --
0123456789abcdef0123456789abcdef
-- usr/sbin/named --
-- etc/localtime -> /usr/share/zoneinfo/Etc/UTC --
-- usr/share/zoneinfo/Europe/Vienna --
-- usr/bin/setupcon --
-- usr/bin/virsh --
-- usr/sbin/libvirtd --
-- usr/lib/systemd/system/cockpit.socket --
-- etc/chrony/chrony.conf --
pool 2.debian.pool.ntp.org iburst
rtcsync
-- etc/ssh/sshd_config --
Include /etc/ssh/sshd_config.d/*.conf
-- proc/sys/kernel/hostname --
debian
-- sys/class/net/enp1s0/type --
1
-- sys/class/net/enp1s0/address --
52:54:00:00:00:01
-- sys/class/net/enp1s0/device/vendor --
-- etc/debvisor-profile --
export PROFILE="zfs"
-- etc/debvisor/answers.yaml --
version: 1
host: {fqdn: hv01.lab.example, timezone: Europe/Vienna, keyboard: de, ntp: [10.0.0.1]}
users:
  - {name: ann, admin: true, ssh_keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEE ann"]}
  - {name: ben, password_hash: "$6$abcdefgh$hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh"}
network: {management: [10.0.0.0/8]}
storage: {profile: zfs, system: {match: {serial: X}}}
`

func newMachine(t *testing.T) *machine {
	m := &machine{Host: hosttest.New(t, installed).Host, t: t, read: map[string]string{},
		units: map[string]string{Unit: "loaded enabled activating"},
		virt:  map[string]map[string]string{"pool": {}, "net": {"default": "a"}}}
	for _, u := range []string{"systemd-networkd.service", "systemd-resolved.service", "nftables.service", "cockpit.socket"} {
		m.units[u] = "loaded disabled inactive"
	}
	m.Host.Runner = m
	return m
}

// steps are those of the machine's answers, at a fixed time.
func (m *machine) steps() []step.Step {
	text, err := m.ReadFile(Answers)
	if err != nil {
		m.t.Fatal(err)
	}
	answers, err := config.ParseNode(Answers, text)
	if err != nil {
		m.t.Fatal(err)
	}
	return Steps(m.Host, answers)
}

func (m *machine) runner() step.Runner {
	return step.Runner{Host: m.Host, Journal: Journal, Tell: func(step.Event) {}}
}

// Run implements host.Runner.
func (m *machine) Run(_ context.Context, c host.Cmd) ([]byte, error) {
	line := c.String()
	switch c.Args[0] {
	case "systemctl":
		return m.systemctl(c.Args[1:])
	case "useradd", "usermod", "chpasswd":
		return nil, m.account(c)
	case "hostname":
		m.put("/proc/sys/kernel/hostname", c.Args[1]+"\n")
	case "ssh-keygen":
		for _, kind := range []string{"rsa", "ecdsa", "ed25519"} {
			m.put("/etc/ssh/ssh_host_"+kind+"_key", "key\n")
		}
	case "networkctl":
		m.read["systemd-networkd"] = m.tree("/etc/systemd/network")
		m.put("/sys/class/net/br0/type", "1\n")
		m.put("/sys/class/net/br0/address", "52:54:00:00:00:01\n")
		m.put("/sys/class/net/br0/bridge/bridge_id", "")
	case "nft":
		return m.nft(c)
	case rndcConfgen:
		m.put(rndcKeyFile, "key\n")
	case "/usr/sbin/sshd":
		return []byte(strings.ToLower(m.get("/etc/ssh/sshd_config.d/10-debvisor.conf"))), nil
	case "virsh":
		return m.virsh(c)
	case "udevadm", "visudo", "setupcon":
	default:
		return nil, fmt.Errorf("run %s: this machine has no such command", line)
	}
	return nil, nil
}

func (m *machine) systemctl(args []string) ([]byte, error) {
	name := args[len(args)-1]
	s := strings.Split(m.units[name], " ")
	switch verb := strings.Join(args[:len(args)-1], " "); {
	case args[0] == "show" && len(s) == 3:
		return fmt.Appendf(nil, "LoadState=%s\nUnitFileState=%s\nActiveState=%s\n", s[0], s[1], s[2]), nil
	case verb == "enable" || verb == "disable":
		m.units[name] = s[0] + " " + verb + "d " + s[2]
	case verb == "start":
		m.units[name] = s[0] + " " + s[1] + " active"
	case verb == "--no-block try-reload-or-restart" || verb == "--no-block try-restart":
		m.read[name] = m.tree("/etc/chrony") + m.tree("/etc/ssh/sshd_config.d") + m.get("/etc/default/keyboard")
	default:
		return nil, fmt.Errorf("run systemctl %s: unexpected", strings.Join(args, " "))
	}
	return nil, nil
}

func (m *machine) account(c host.Cmd) error {
	name := c.Args[len(c.Args)-1]
	switch {
	case c.Args[0] == "chpasswd":
		user, hash, _ := strings.Cut(strings.TrimSpace(c.Stdin), ":")
		m.put("/etc/shadow", strings.Replace(m.get("/etc/shadow"), "\n"+user+":!:", "\n"+user+":"+hash+":", 1))
	case c.Args[0] == "useradd":
		id := fmt.Sprint(1000 + strings.Count(m.get("/etc/passwd"), "\n"))
		home, shell := "/home/"+name, "/bin/bash"
		if slices.Contains(c.Args, "--system") {
			home, shell = "/nonexistent", "/usr/sbin/nologin"
		}
		m.put("/etc/group", m.get("/etc/group")+name+":x:"+id+":\n")
		m.put("/etc/passwd", m.get("/etc/passwd")+name+":x:"+id+":"+id+"::"+home+":"+shell+"\n")
		m.put("/etc/shadow", m.get("/etc/shadow")+name+":!:20000:0:99999:7:::\n")
	case slices.Contains(c.Args, "--append"):
		for g := range strings.SplitSeq(c.Args[3], ",") {
			m.put("/etc/group", appendMember(m.get("/etc/group"), g, name))
		}
	default:
		return fmt.Errorf("run %s: unexpected", c)
	}
	return nil
}

func appendMember(groups, group, user string) string {
	var b strings.Builder
	for line := range strings.Lines(groups) {
		if strings.HasPrefix(line, group+":") {
			line = strings.TrimSpace(line) + user + "\n"
		}
		b.WriteString(line)
	}
	return b.String()
}

func (m *machine) nft(c host.Cmd) ([]byte, error) {
	switch c.Args[1] {
	case "-t":
		if m.read["kernel"] == "" {
			return nil, nil
		}
		_, mark, _ := strings.Cut(m.read["kernel"], "loaded accept ")
		return []byte("table inet debvisor {\n\tchain loaded {\n\t\taccept " + mark + "\t}\n}\n"), nil
	case "-f":
		m.read["kernel"] = c.Stdin
	}
	return nil, nil
}

func (m *machine) virsh(c host.Cmd) ([]byte, error) {
	kind, verb, _ := strings.Cut(c.Args[4], "-")
	objects, name := m.virt[kind], c.Args[len(c.Args)-1]
	switch verb {
	case "list":
		return m.virshList(objects, c.Args), nil
	case "define":
		_, rest, _ := strings.Cut(c.Stdin, "<name>")
		name, _, _ = strings.Cut(rest, "</name>")
		objects[name] = ""
	case "autostart":
		objects[name] = strings.ReplaceAll(objects[name], "a", "")
		if !slices.Contains(c.Args, "--disable") {
			objects[name] += "a"
		}
	case "start":
		objects[name] += "r"
	default:
		return nil, fmt.Errorf("run %s: unexpected", c)
	}
	return nil, nil
}

func (m *machine) virshList(objects map[string]string, args []string) []byte {
	var out []byte
	for name, flags := range objects {
		all, auto := slices.Contains(args, "--all"), slices.Contains(args, "--autostart")
		if (all || strings.Contains(flags, "r")) && (!auto || strings.Contains(flags, "a")) {
			out = append(out, name+"\n"...)
		}
	}
	return out
}

func (m *machine) get(name string) string {
	data, err := m.ReadFile(name)
	if err != nil && !os.IsNotExist(err) {
		m.t.Fatal(err)
	}
	return string(data)
}

func (m *machine) put(name, text string) {
	p := filepath.Join(m.Root, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

// tree is everything below a directory: names, modes, owners and contents. The journal is not part of what a machine is.
func (m *machine) tree(dir string) string {
	var b strings.Builder
	err := fs.WalkDir(os.DirFS(m.Root), strings.Trim(dir, "/"), func(name string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) || "/"+name == Journal {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s %v %s\n", name, info.Mode(), m.Owners["/"+name])
		if info.Mode().IsRegular() {
			b.WriteString(m.get("/" + name))
		}
		return nil
	})
	if err != nil {
		m.t.Fatal(err)
	}
	return b.String()
}

// all is the machine as a whole.
func (m *machine) all() string {
	var b strings.Builder
	for _, dir := range []string{"etc", "home", "opt", "var", "proc"} {
		b.WriteString(m.tree(dir))
	}
	return b.String() + fmt.Sprint(m.units, m.read, m.virt)
}
