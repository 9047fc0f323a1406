package roles_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"debvisor/internal/host"
)

const (
	statusJSON = "debvisor firewall status --json"
	auditLog   = "/var/log/debvisor/audit.log"
)

// bring puts this version's node command on every node: it is what takes rules back.
func (f *fleet) bring(t *testing.T) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "debvisor")
	build := host.Cmd{Args: []string{"go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, "../../cmd/debvisor"}, Env: []string{"CGO_ENABLED=0"}}
	if _, err := (host.System{}).Run(t.Context(), build); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	f.write(t, "/usr/local/bin/debvisor", string(data))
	for i := range f.Nodes() {
		f.on(t, i+1, "chmod 755 /usr/local/bin/debvisor")
	}
}

// vars are extra variables of a play.
func vars(t *testing.T, v map[string]any) []string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return []string{"--extra-vars", string(data)}
}

// inForce is what the node says is in force: files, trial and so on.
func (f *fleet) inForce(t *testing.T, node int) string {
	t.Helper()
	var s struct {
		InForce string `json:"in_force"`
	}
	if err := json.Unmarshal([]byte(f.on(t, node, statusJSON)), &s); err != nil {
		t.Fatal(err)
	}
	return s.InForce
}

// reaches reports whether node2 gets a connection to SSH on node1.
func (f *fleet) reaches(t *testing.T) bool {
	t.Helper()
	return f.on(t, 2, "timeout 0.5 bash -c '</dev/tcp/"+f.Node(1).IPv4+"/22' 2>/dev/null && echo yes || echo no") == "yes"
}

func (f *fleet) rules(t *testing.T, node int) string {
	t.Helper()
	return f.on(t, node, "nft -s list table inet debvisor; cat /etc/nftables/debvisor.nft")
}

var lan = map[string]any{
	"firewall_management": []string{"10.99.0.0/24", "fd99::/64"},
	"firewall_services":   []map[string]any{{"name": "cockpit", "port": 9090, "from": []string{"10.99.0.0/24"}}},
}

func TestFirewallRole(t *testing.T) {
	eachCore(t, func(t *testing.T, f *fleet) {
		f.bring(t)
		f.withoutPython(t)
		f.applyFirewall(t)
		f.editedFile(t)
		f.refuseLockout(t)
		f.cutSSH(t)
		f.rebootOnTrial(t)
		f.confirmByHand(t)
	})
}

// withoutPython takes Python from every node: neither the rules nor their confirmation may need it.
func (f *fleet) withoutPython(t *testing.T) {
	t.Helper()
	for i := range f.Nodes() {
		f.on(t, i+1, "for p in /usr/bin/python3*; do test ! -f $p || chmod a-x $p; done; if python3 -c 1 2>/dev/null; then exit 1; fi")
	}
}

// editedFile is a line of the operator's that would cut SSH for good, in a file that nobody has loaded: the same variables
// bring it into force on trial alone, and what was in force comes back although the file still has it.
func (f *fleet) editedFile(t *testing.T) {
	t.Helper()
	const local = "/etc/nftables/debvisor-local.nft"
	before := f.rules(t, 1)
	f.on(t, 1, "cp "+local+" /root/local && echo 'insert rule inet debvisor input tcp dport 22 drop' >> "+local)
	short := vars(t, map[string]any{"firewall_confirm_within": 10, "firewall_management": lan["firewall_management"], "firewall_services": lan["firewall_services"]})
	out, err := f.play(t, "playbooks/site.yml", append(short, "--tags", "firewall", "--limit", "node1")...)
	if err == nil || !strings.Contains(out, "their time was up") {
		t.Errorf("%v\n%s", err, out)
	}
	if after := f.rules(t, 1); after != before || f.inForce(t, 1) != "confirmed" {
		t.Errorf("%s is in force; before\n%s\nafter\n%s", f.inForce(t, 1), before, after)
	}
	f.on(t, 1, "mv /root/local "+local)
	if got := f.inForce(t, 1); got != "files" {
		t.Errorf("with the old file, %s is in force", got)
	}
}

func (f *fleet) applyFirewall(t *testing.T) {
	t.Helper()
	before := f.on(t, 1, "nft -s list ruleset")
	out := f.site(t, "firewall", append(vars(t, lan), "--check", "--diff")...)
	if changed(out) != "1 1 1" || !strings.Contains(out, `tcp dport 9090 accept comment "cockpit"`) {
		t.Errorf("check mode:\n%s", out)
	}
	if after := f.on(t, 1, "nft -s list ruleset"); after != before {
		t.Errorf("check mode changed the node:\n%s", after)
	}
	if out := f.site(t, "firewall", vars(t, lan)...); changed(out) != "2 2 2" { // tried, and confirmed
		t.Errorf("the first run:\n%s", out)
	}
	for node := 1; node <= 3; node++ {
		if got := f.inForce(t, node); got != "files" {
			t.Errorf("node%d has %s in force", node, got)
		}
	}
	if out := f.site(t, "firewall", append(vars(t, lan), "--diff")...); changed(out) != "0 0 0" || strings.Contains(out, "Keep the rules") {
		t.Errorf("the second run:\n%s", out)
	}
	if out := f.site(t, "firewall", append(vars(t, lan), "--check", "--diff")...); changed(out) != "0 0 0" {
		t.Errorf("check mode afterwards:\n%s", out)
	}
	f.healthy(t, "ok ")
}

// healthy asks node1's own check, which loads the files a second time and compares.
func (f *fleet) healthy(t *testing.T, status string) {
	t.Helper()
	if out := f.on(t, 1, "debvisor health firewall-rules || true"); !strings.HasPrefix(out, status) {
		t.Errorf("debvisor health says\n%s", out)
	}
}

func (f *fleet) refuseLockout(t *testing.T) {
	t.Helper()
	before := f.rules(t, 1)
	out, err := f.play(t, "playbooks/site.yml", append(vars(t, map[string]any{"firewall_management": []string{"192.0.2.0/24"}}), "--tags", "firewall")...)
	if err == nil || !strings.Contains(out, "in none of the management networks") {
		t.Errorf("a list without the controller: %v\n%s", err, out)
	}
	if after := f.rules(t, 1); after != before {
		t.Errorf("it changed the node to\n%s", after)
	}
}

// cutSSH applies a list that keeps everybody out, and measures from another node how long that lasts.
func (f *fleet) cutSSH(t *testing.T) {
	t.Helper()
	const trial = 10
	before := f.rules(t, 1)
	bad := vars(t, map[string]any{"firewall_management": []string{"192.0.2.0/24"}, "firewall_allow_lockout": true, "firewall_confirm_within": trial})
	var out string
	var failed error
	done := make(chan struct{})
	go func() {
		defer close(done)
		out, failed = f.play(t, "playbooks/site.yml", append(bad, "--tags", "firewall", "--limit", "node1")...)
	}()
	for f.reaches(t) {
		select {
		case <-done:
			t.Fatalf("SSH was not cut: %v\n%s", failed, out)
		case <-time.After(100 * time.Millisecond):
		}
	}
	cut := time.Now()
	for !f.reaches(t) {
		if time.Since(cut) > time.Minute {
			t.Fatalf("SSH is cut for a minute; the node says %s", f.on(t, 1, statusJSON))
		}
		time.Sleep(100 * time.Millisecond)
	}
	took := time.Since(cut)
	t.Logf("core %s: cut off by rules on trial for %d s, node2 reached SSH again after %.1f s", f.core, trial, took.Seconds())
	if took > (trial+5)*time.Second { // a busy machine may be late, but not by that
		t.Error("that is longer than it says")
	}
	if after := f.rules(t, 1); after != before {
		t.Errorf("before\n%s\nafter\n%s", before, after)
	}
	if <-done; failed == nil || !strings.Contains(out, "their time was up") {
		t.Errorf("the play does not say that the rules were taken back: %v\n%s", failed, out)
	}
	if log := f.on(t, 1, "tail -n 1 "+auditLog); !strings.Contains(log, "firewall roll back") {
		t.Errorf("the audit log ends with %s", log)
	}
	if left := f.on(t, 1, "systemctl list-units --all --no-legend 'debvisor-firewall-rollback-*'; ls -A /run/debvisor-firewall"); left != "confirmed.json" {
		t.Errorf("left behind: %s", left)
	}
}

// tryFor puts node1 on trial with a module's arguments.
func (f *fleet) tryFor(t *testing.T, arguments map[string]any) {
	t.Helper()
	data, err := json.Marshal(arguments)
	if err != nil {
		t.Fatal(err)
	}
	out, err := f.Ansible(t.Context(), f.core, "ansible", "node1", "-m", "debvisor.core.firewall", "-a", string(data))
	if err != nil || !strings.Contains(out, `"pending": true`) {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := f.inForce(t, 1); got != "trial" {
		t.Fatalf("on trial, %s is in force", got)
	}
}

var open = map[string]any{"management": []string{}, "confirm_within": "10m"}

func (f *fleet) rebootOnTrial(t *testing.T) {
	t.Helper()
	before := f.rules(t, 1)
	f.tryFor(t, open)
	f.healthy(t, "warn ")
	if err := f.Node(1).Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := f.Node(1).Boot(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := f.rules(t, 1); after != before || f.inForce(t, 1) != "files" {
		t.Errorf("after the power was cut, %s is in force; before\n%s\nafter\n%s", f.inForce(t, 1), before, after)
	}
}

// confirmByHand uses Ansible's connection, which it keeps open and which is older than the rules, and then one of its own.
func (f *fleet) confirmByHand(t *testing.T) {
	t.Helper()
	f.tryFor(t, open)
	out, err := f.Ansible(t.Context(), f.core, "ansible", "node1", "-m", "ansible.builtin.raw", "-a", "debvisor firewall confirm")
	if err == nil || !strings.Contains(out, "confirm over a new SSH connection") {
		t.Errorf("over the old connection: %v\n%s", err, out)
	}
	ssh := host.Cmd{Args: []string{"ssh", "-F", filepath.Join(f.Dir, "ssh_config"), "node1", "debvisor firewall confirm"}}
	if out, err := (host.System{}).Run(t.Context(), ssh); err != nil || string(out) != "the rules are confirmed\n" {
		t.Errorf("over a new connection: %v: %s", err, out)
	}
	f.healthy(t, "ok ")
	if got := f.inForce(t, 1); got != "files" {
		t.Errorf("confirmed, but %s is in force", got)
	}
}
