package vm_register

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"debvisor/internal/ansible/ansibletest"
	"debvisor/internal/guests/installed"
	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
	"debvisor/internal/tsig"
)

func TestTheDocumentationIsTheModules(t *testing.T) {
	for _, wrong := range ansibletest.CheckDocs(Module) {
		t.Error(wrong)
	}
}

// node is a hypervisor whose systemd knows what runs and what starts at boot.
type node struct {
	*host.Host
	running, enabled map[string]bool
	libvirtd         time.Time // when it was started
	withdrawn        bool
}

func newNode(t *testing.T) *node {
	n := &node{Host: hosttest.New(t, "-- usr/bin/virsh --\n-- etc/libvirt/hooks/qemu --\nan operator's own\n").Host,
		running: map[string]bool{}, enabled: map[string]bool{}, libvirtd: time.Now().Add(-time.Hour)}
	n.Runner = n
	n.place(t, tsig.ClientFile(tsig.New(tsig.VM, 2026112401)))
	return n
}

func (n *node) place(t *testing.T, wants ...host.Want) {
	t.Helper()
	changes, err := n.Need(wants...)
	if err == nil {
		err = n.Apply(t.Context(), changes)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Run implements host.Runner.
func (n *node) Run(_ context.Context, c host.Cmd) ([]byte, error) {
	line, name := c.String(), c.Args[len(c.Args)-1]
	yes := func(is bool, words ...string) string {
		if is {
			return words[0]
		}
		return words[1]
	}
	switch {
	case strings.Contains(line, "ExecMainStartTimestamp"):
		return fmt.Appendf(nil, "ActiveState=%s\nExecMainStartTimestamp=@%d\n", yes(name == "libvirtd.service", "active", "inactive"), n.libvirtd.Unix()), nil
	case strings.Contains(line, "NeedDaemonReload"):
		return []byte("no\n"), nil
	case strings.HasPrefix(line, "systemctl show"):
		return fmt.Appendf(nil, "LoadState=loaded\nUnitFileState=%s\nActiveState=%s\n", yes(n.enabled[name], "enabled", "disabled"), yes(n.running[name], "active", "inactive")), nil
	case strings.HasPrefix(line, "systemctl enable"):
		n.enabled[name] = true
	case strings.HasPrefix(line, "systemctl start"):
		n.running[name] = true
	case strings.HasPrefix(line, "systemctl disable --now"):
		n.enabled[name], n.running[name] = false, false
	case strings.HasPrefix(line, "systemctl stop"):
		n.running[name] = false
	case line == "/usr/local/bin/debvisor vm reconcile --withdraw":
		n.withdrawn = true
		return nil, os.Remove(filepath.Join(n.Root, installed.RegistryPath))
	default:
		return nil, fmt.Errorf("run %s: this node has no such command", c)
	}
	return nil, nil
}

func TestGuestsAreRegisteredAndNoMore(t *testing.T) {
	n := newNode(t)
	result := ansibletest.Converge(t, Module, n.Host, map[string]any{"servers": []string{"192.0.2.53", "[2001:db8::53]:5353"}})
	if !n.enabled[installed.PathUnit] || !n.running[installed.TimerUnit] || result["hook_seen"] != false || !strings.Contains(fmt.Sprint(result["warnings"]), "systemctl restart libvirtd") {
		t.Errorf("%v, %+v", result, n)
	}
	for path, want := range map[string]string{
		"/etc/debvisor/dns.json":                "{\n  \"servers\": [\n    \"192.0.2.53:53\",\n    \"[2001:db8::53]:5353\"\n  ],\n  \"zone\": \"debvisor.local\",\n  \"guests\": \"vm.debvisor.local\",\n  \"ttl\": 300\n}\n",
		"/etc/libvirt/hooks/qemu.d/50-debvisor": installed.Hook,
		"/etc/libvirt/hooks/qemu":               "an operator's own\n",
	} {
		if got, err := n.ReadFile(path); string(got) != want || err != nil {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
	n.place(t, host.File{Path: installed.RegistryPath, Content: `{"guests":[{"uuid":"u","name":"web.vm.debvisor.local"}]}`, Mode: 0o600})
	n.running[installed.Service] = true
	ansibletest.Converge(t, Module, n.Host, map[string]any{"state": "absent"})
	if !n.withdrawn || n.running[installed.Service] || n.enabled[installed.PathUnit] || n.Exists(installed.HookPath) || !n.Exists("/etc/debvisor/dns.json") {
		t.Errorf("%+v", n)
	}
}

func TestWhenLibvirtKnowsOfAHook(t *testing.T) {
	servers := map[string]any{"servers": []string{"192.0.2.53"}}
	n := newNode(t)
	n.libvirtd = time.Now().Add(time.Hour) // restarted after the first run
	ansibletest.Converge(t, Module, n.Host, servers)
	if result := ansibletest.Run(t, Module, n.Host, servers); result["hook_seen"] != true || result["warnings"] != nil {
		t.Errorf("%v", result)
	}
	n = newNode(t)
	n.libvirtd = time.Now().Add(time.Minute)
	if err := os.Chmod(filepath.Join(n.Root, installed.HooksDir, "qemu"), 0o755); err != nil {
		t.Fatal(err)
	}
	if result := ansibletest.Converge(t, Module, n.Host, servers); result["hook_seen"] != true {
		t.Errorf("with an operator's own: %v", result)
	}
}

func TestEachMistakeIsNamed(t *testing.T) {
	servers := []string{"192.0.2.53"}
	for want, arguments := range map[string]map[string]any{
		"servers is empty":     {},
		"no address of a name": {"servers": []string{"ns1"}},
		"zone is \"Lab.\"":     {"servers": servers, "zone": "Lab."},
		"guests is \"a.b\"":    {"servers": servers, "guests": "a.b"},
		"ttl is 0":             {"servers": servers, "ttl": 0},
		"state":                {"state": "gone"},
	} {
		if result := ansibletest.Run(t, Module, newNode(t).Host, arguments); result["failed"] != true || !strings.Contains(fmt.Sprint(result["msg"]), want) {
			t.Errorf("%v: got %v", arguments, result["msg"])
		}
	}
	n := newNode(t)
	for _, c := range [][2]string{{tsig.ClientPath(tsig.VM), "rotate-tsig-ha.yml brings it"}, {"/usr/bin/virsh", "no libvirt"}} {
		path, want := c[0], c[1]
		if err := os.Remove(filepath.Join(n.Root, path)); err != nil {
			t.Fatal(err)
		}
		if result := ansibletest.Run(t, Module, n.Host, map[string]any{"servers": servers}); result["failed"] != true || !strings.Contains(fmt.Sprint(result["msg"]), want) {
			t.Errorf("without %s: %v", path, result["msg"])
		}
	}
}
