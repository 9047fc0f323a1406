package firewall

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"debvisor/internal/ansible/ansibletest"
	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
	"debvisor/internal/names"
	"debvisor/internal/nft"
)

func TestTheDocumentationIsTheModules(t *testing.T) {
	for _, wrong := range ansibletest.CheckDocs(Module) {
		t.Error(wrong)
	}
}

// node has a kernel that knows the mark of what was loaded last, and at most one timer.
type node struct {
	*host.Host
	kernel, timer string
}

func newNode(t *testing.T, files string) *node {
	n := &node{Host: hosttest.New(t, "-- run/systemd/system/ --\n"+files).Host}
	n.Runner = n
	return n
}

// Run implements host.Runner.
func (n *node) Run(_ context.Context, c host.Cmd) ([]byte, error) {
	switch line := c.String(); {
	case line == names.Debvisor+" answers management":
		return []byte("10.7.0.0/16\n"), nil
	case line == "nft -t list ruleset inet":
		return []byte(n.kernel), nil
	case line == "nft -f -":
		_, mark, _ := strings.Cut(c.Stdin, "loaded accept ")
		n.kernel = "table inet debvisor {\n\tchain loaded {\n\t\taccept " + mark + "\t}\n}\n"
	case strings.HasPrefix(line, "systemctl list-units") && n.timer != "":
		return []byte(n.timer + ".timer loaded active waiting\n"), nil
	case strings.HasPrefix(line, "systemctl stop"):
		n.timer = ""
	case c.Args[0] == "systemd-run":
		n.timer = "debvisor-firewall-rollback-1"
	case line == "nft -c -f -" || line == "nft list tables" || c.Args[0] == "ss" || c.Args[0] == "systemctl" || c.Args[0] == names.Debvisor:
	default:
		return nil, fmt.Errorf("run %s: this node has no such command", c)
	}
	return nil, nil
}

func (n *node) base(t *testing.T) string {
	t.Helper()
	data, err := n.ReadFile(nft.BasePath)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func arguments() map[string]any {
	return map[string]any{
		"management": []string{"10.0.0.0/24", "fd00::/64"},
		"services": []map[string]any{
			{"name": "cockpit", "port": 9090, "from": []string{"10.0.0.7"}},
			{"name": "dns", "port": "53", "protocol": "udp"},
		},
	}
}

func TestARunIsOnTrialAndThenConfirmed(t *testing.T) {
	n := newNode(t, "")
	result := ansibletest.Converge(t, Module, n.Host, arguments())
	if result["pending"] != true || result["confirm_by"] == nil || n.timer == "" || n.Exists(nft.BasePath) {
		t.Errorf("got %v, timer %q", result, n.timer)
	}
	confirmed := arguments()
	confirmed["state"] = "confirmed"
	result = ansibletest.Converge(t, Module, n.Host, confirmed)
	for _, rule := range []string{"management4 { 10.0.0.0/24 }", "service4_cockpit { 10.0.0.7/32 }", "udp dport 53 accept"} {
		if !strings.Contains(n.base(t), rule) {
			t.Errorf("the file does not say %s", rule)
		}
	}
	if result["pending"] != false || n.timer != "" {
		t.Errorf("got %v, timer %q", result, n.timer)
	}
	if again := ansibletest.Run(t, Module, n.Host, arguments()); again["changed"] != false || again["pending"] != false {
		t.Errorf("the same again: %v", again)
	}
}

// The files are written later, so the load itself shows what becomes of them.
func TestTheDiffOfATrialShowsTheRules(t *testing.T) {
	result := ansibletest.Run(t, Module, newNode(t, "").Host, map[string]any{"_ansible_check_mode": true, "_ansible_diff": true})
	if diff := fmt.Sprint(result["diff"]); !strings.Contains(diff, "tcp dport $ssh_port accept") || strings.Contains(diff, "confirm_by") {
		t.Errorf("got %s", diff)
	}
}

// Rules that the timer takes back while somebody confirms them would leave old rules beside new files.
func TestARunWaitsForAnother(t *testing.T) {
	n := newNode(t, "")
	held, err := nft.Lock(t.Context(), &host.Host{Root: n.Root, Runner: n, Owners: n.Owners})
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if result := Module.Run(short, n.Host, strings.NewReader(`{"confirm_within": 0, "management": []}`)); !strings.Contains(fmt.Sprint(result["msg"]), "another run holds the lock") {
		t.Errorf("while it is held: %v", result)
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	ansibletest.Converge(t, Module, n.Host, map[string]any{"confirm_within": 0, "management": []string{}})
	short, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := nft.Lock(short, n.Host); !errors.Is(err, host.ErrLocked) {
		t.Errorf("after its plan the run no longer holds the lock: %v", err)
	}
}

func TestNothingWaitsWithoutATimeToConfirm(t *testing.T) {
	n := newNode(t, "")
	result := ansibletest.Converge(t, Module, n.Host, map[string]any{"confirm_within": 0, "management": []string{}})
	if result["pending"] != false || n.timer != "" || n.base(t) != nft.Base(nft.Config{}) {
		t.Errorf("got %v, timer %q", result, n.timer)
	}
}

func TestTheAnswersSayWhoManages(t *testing.T) {
	n := newNode(t, "-- etc/debvisor/answers.yaml --\n")
	ansibletest.Converge(t, Module, n.Host, map[string]any{"confirm_within": 0})
	if !strings.Contains(n.base(t), "management4 { 10.7.0.0/16 }") {
		t.Errorf("the file says\n%s", n.base(t))
	}
}

func TestWhatWasTakenBackCannotBeConfirmed(t *testing.T) {
	result := ansibletest.Run(t, Module, newNode(t, "").Host, map[string]any{"state": "confirmed"})
	if result["failed"] != true || !strings.Contains(fmt.Sprint(result["msg"]), "their time was up") {
		t.Errorf("got %v", result)
	}
}

func TestEachMistakeIsNamed(t *testing.T) {
	for _, c := range []struct {
		arguments map[string]any
		want      string
	}{
		{map[string]any{"management": []string{"10.0.0.1/24"}}, "write 10.0.0.0/24"},
		{map[string]any{"services": []any{map[string]any{"name": "x", "port": "http"}}}, "neither a port nor a range"},
		{map[string]any{"services": []any{map[string]any{"name": "x", "port": 22}}}, "port 22 is SSH"},
		{map[string]any{"services": []any{map[string]any{"name": "x", "port": 80, "from": "hv01"}}}, "neither a network"},
		{map[string]any{"services": []any{map[string]any{"name": "x"}}}, "port"},
		{map[string]any{"confirm_within": 2}, "from 5s to 24h"},
		{map[string]any{"confirm_within": "-10"}, "from 5s to 24h"},
		{map[string]any{"state": "absent"}, "state"},
	} {
		result := ansibletest.Run(t, Module, newNode(t, "").Host, c.arguments)
		if result["failed"] != true || !strings.Contains(fmt.Sprint(result["msg"]), c.want) {
			t.Errorf("%v: got %v", c.arguments, result["msg"])
		}
	}
}
