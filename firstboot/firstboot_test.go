package firstboot

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"debvisor/internal/host"
	"debvisor/internal/host/hosttest"
	"debvisor/internal/step"
)

// TestMain keeps the machines in memory where it can: every write is synced, and there are many.
func TestMain(m *testing.M) {
	const memory = "/dev/shm"
	if info, err := os.Stat(memory); err == nil && info.IsDir() {
		os.Setenv("TMPDIR", memory)
	}
	os.Exit(m.Run())
}

func TestAMachineBecomesWhatItsAnswersSay(t *testing.T) {
	m := newMachine(t)
	var got strings.Builder
	for _, s := range m.steps() {
		changes, err := s.Plan(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", s.Name, err)
		}
		fmt.Fprintf(&got, "%s\n%s", s.Name, hosttest.Lines(changes))
		if s.Note != "" {
			fmt.Fprintf(&got, "(%s)\n", s.Note)
		}
		if err := m.Apply(t.Context(), changes); err != nil {
			t.Fatalf("%s: %v", s.Name, err)
		}
	}
	golden(t, "testdata/plan", got.String())
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || got != string(want) {
		t.Errorf("%s: %v, got\n%s", file, err, got)
	}
}

func TestTheSecondRunChangesNothing(t *testing.T) {
	m := newMachine(t)
	if n, err := m.runner().Run(t.Context(), m.steps()); n == 0 || err != nil {
		t.Fatal(n, err)
	}
	before, journal := m.all(), m.get(Journal)
	if n, err := m.runner().Run(t.Context(), m.steps()); n != 0 || err != nil {
		t.Errorf("%d changes, %v", n, err)
	}
	if m.all() != before || m.get(Journal) != journal {
		t.Error("the machine is not as it was")
	}
}

// apply makes the first n changes of a run and returns whether there were more.
func (m *machine) apply(steps []step.Step, n int) (more bool) {
	for _, s := range steps {
		changes, err := s.Plan(m.t.Context())
		if err != nil {
			m.t.Fatalf("%s: %v", s.Name, err)
		}
		for _, c := range changes {
			if n == 0 {
				return true
			}
			n--
			if err := m.Apply(m.t.Context(), []host.Change{c}); err != nil {
				m.t.Fatalf("%s: %v", s.Name, err)
			}
		}
	}
	return false
}

func TestARunThatIsKilledAnywhereIsFinishedByTheNext(t *testing.T) {
	whole := newMachine(t)
	whole.apply(whole.steps(), -1)
	want := withoutTime(whole.all())
	for n := 0; ; n++ {
		m := newMachine(t)
		more := m.apply(m.steps(), n)
		if _, err := m.runner().Run(t.Context(), m.steps()); err != nil {
			t.Fatalf("after %d changes: %v", n, err)
		}
		if got := withoutTime(m.all()); got != want {
			t.Fatalf("after %d changes the machine ends up different:\n%s", n, firstDifference(want, got))
		}
		if !more {
			t.Logf("cut at each of %d changes", n)
			return
		}
	}
}

var secret = regexp.MustCompile(`secret ".*"`)

// withoutTime leaves out when the summary was written, and the secrets of keys, which no two machines share.
func withoutTime(s string) string {
	s = secret.ReplaceAllString(s, "")
	before, rest, _ := strings.Cut(s, `"generated_at": "`)
	_, after, _ := strings.Cut(rest, `"`)
	return before + after
}

func firstDifference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return "want " + x[i] + "\ngot  " + y[i]
		}
	}
	return fmt.Sprintf("want %d lines, got %d", len(x), len(y))
}

func TestADaemonLearnsOfARepairAlsoWhenThatWasCutOff(t *testing.T) {
	for daemon, name := range map[string]string{
		"ssh.service":      "/etc/ssh/sshd_config.d/10-debvisor.conf",
		"chrony.service":   "/etc/chrony/sources.d/debvisor.sources",
		"systemd-networkd": "/etc/systemd/network/10-debvisor-br0.network",
	} {
		for n := range 4 {
			m := newMachine(t)
			m.apply(m.steps(), -1)
			right := m.get(name)
			m.put(name, "changed\n")
			m.read[daemon] = "changed\n"
			m.apply(m.steps(), n)
			if _, err := m.runner().Run(t.Context(), m.steps()); err != nil {
				t.Fatal(err)
			}
			if m.get(name) != right || !strings.Contains(m.read[daemon], right) {
				t.Errorf("%s, cut after %d changes: the file holds %q, the daemon has read %q", daemon, n, m.get(name), m.read[daemon])
			}
		}
	}
}

func TestAStepThatFailsIsNamedAndEndsTheRun(t *testing.T) {
	m := newMachine(t)
	os.RemoveAll(filepath.Join(m.Root, "sys/class/net/enp1s0"))
	_, err := m.runner().Run(t.Context(), m.steps())
	var failed *step.Failed
	if !errors.As(err, &failed) || failed.Step != "net/bridge" || !strings.Contains(err.Error(), "no wired network card") {
		t.Errorf("got %v", err)
	}
	if m.Exists("/var/lib/debvisor/applied/chrony") || !strings.Contains(m.units[Unit], "enabled") {
		t.Error("it went on")
	}
}

// before are the steps that come before one.
func before(steps []step.Step, name string) []step.Step {
	return steps[:slices.IndexFunc(steps, func(s step.Step) bool { return s.Name == name })]
}

// What fails before the firewall is there must not leave SSH open to networks that the answers shut out.
func TestNoStepBeforeTheFirewallGivesTheMachineAnAddress(t *testing.T) {
	m := newMachine(t)
	m.apply(before(m.steps(), "net/firewall"), -1)
	if m.read["systemd-networkd"] != "" || m.Exists("/etc/systemd/network") || m.Exists("/sys/class/net/br0") || m.units["systemd-networkd.service"] != "loaded disabled inactive" {
		t.Errorf("networkd has read %q and is %s", m.read["systemd-networkd"], m.units["systemd-networkd.service"])
	}
	m.apply(before(m.steps(), "net/bridge"), -1)
	if !strings.Contains(m.read["kernel"], "10.0.0.0/8") || m.Exists("/etc/systemd/network") {
		t.Errorf("before net/bridge the kernel has the rules\n%s", m.read["kernel"])
	}
}

func TestWhoeverAdministersTheMachineCanLogInBeforeAnythingElseMayFail(t *testing.T) {
	m := newMachine(t)
	m.apply(before(m.steps(), "base/time"), -1)
	if !m.Exists("/home/ann/.ssh/authorized_keys") || m.get("/etc/ssh/sshd_config.d/10-debvisor.conf") == "" ||
		m.read["kernel"] == "" || !m.Exists("/sys/class/net/br0") {
		t.Errorf("nobody can log in:\n%s", m.all())
	}
}

func TestAHostIDIsMadeOnceForEachInstallation(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range []struct{ machine, had string }{{"0", ""}, {"1", ""}, {"2", "\x00\x00\x00\x00"}, {"3", "ab"}, {"3", "\x00\x01\x02\x03"}} {
		m := newMachine(t)
		m.put("/etc/machine-id", strings.Repeat(c.machine, 32)+"\n")
		if c.had != "" {
			m.put(hostIDFile, c.had)
		}
		m.apply(m.steps(), -1)
		id := m.get(hostIDFile)
		if len(id) != 4 || id == "\x00\x00\x00\x00" || seen[id] || c.had == "\x00\x01\x02\x03" && id != c.had {
			t.Errorf("machine %s, which had %q: %q", c.machine, c.had, id)
		}
		seen[id] = true
	}
}

func TestAKeyOfRNDCThatIsThereStays(t *testing.T) {
	for had, want := range map[string]string{"": "key\n", "own\n": "own\n"} {
		m := newMachine(t)
		m.put(rndcKeyFile, had)
		m.apply(m.steps(), -1)
		if got := m.get(rndcKeyFile); got != want {
			t.Errorf("%q became %q", had, got)
		}
	}
}

func TestAProfileThatIsNotClearStopsEverything(t *testing.T) {
	for text, want := range map[string]string{
		"btrfs\n":     `"btrfs" is not a profile`,
		"":            "names no profile",
		"zfs\nceph\n": "an earlier line names zfs",
		"ceph\n":      "/etc/debvisor-profile names the profile ceph, /etc/debvisor/answers.yaml names zfs",
	} {
		m := newMachine(t)
		m.put("/etc/debvisor-profile", text)
		before := m.all()
		if _, err := Load(m.Host); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
		if m.all() != before {
			t.Errorf("%q: something changed", text)
		}
	}
	if steps, err := Load(newMachine(t).Host); err != nil || !slices.ContainsFunc(steps, func(s step.Step) bool { return s.Name == "storage/zfs" }) {
		t.Errorf("a good profile: %v", err)
	}
}

func TestAnEditionWithoutAProgramSkipsItsStep(t *testing.T) {
	m := newMachine(t)
	for _, name := range []string{"usr/bin/virsh", "usr/lib/systemd/system/cockpit.socket", "usr/bin/setupcon", "usr/sbin/named", "etc/chrony/chrony.conf"} {
		if err := os.Remove(filepath.Join(m.Root, name)); err != nil {
			t.Fatal(err)
		}
	}
	notes := map[string]string{}
	for _, s := range m.steps() {
		notes[s.Name] = s.Note
	}
	if notes["virt/libvirt"] != "libvirt is not part of this edition" || notes["web/cockpit"] != "Cockpit is not part of this edition" || notes["dns/rndc-key"] != "BIND is not part of this edition" {
		t.Errorf("notes: %q", notes)
	}
	if _, err := m.runner().Run(t.Context(), m.steps()); err != nil || m.Exists("/etc/cockpit") || m.Exists(rndcKeyFile) || len(m.virt["pool"]) > 0 {
		t.Errorf("%v", err)
	}
}
