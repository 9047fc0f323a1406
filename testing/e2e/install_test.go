package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"debvisor/internal/exit"
	"debvisor/internal/health"
	"debvisor/testing/qemu"
)

var siteTools = []string{"qemu-system-x86_64", "mkfs.vfat", "mcopy", "dnsmasq", "ip", "openssl"}

func TestInstallBIOS(t *testing.T) {
	iso := imageUnderTest(t, siteTools...)
	t.Parallel()
	s := biosSite()
	s.prepare(t, iso)
	s.provision(t)
	t.Run("a second boot changes nothing", s.secondBootChangesNothing)
	s.report(t)
}

// biosSite goes from a CD with BIOS, the menu's default and DHCP to a node that anybody may try to reach.
func biosSite() *site {
	return &site{name: "bios", firmware: qemu.BIOS, medium: qemu.CD, disk: qemu.Virtio, dhcp: true, network: "  ipv4: dhcp\n  ipv6: auto"}
}

func TestInstallUEFI(t *testing.T) {
	iso := imageUnderTest(t, siteTools...)
	t.Parallel()
	s := uefiSite()
	s.prepare(t, iso)
	s.provision(t)
	t.Run("health names what is broken", s.healthNamesWhatIsBroken)
	s.report(t)
}

// uefiSite goes from a USB stick with UEFI and the menu's unattended entry to a node with fixed addresses in a VLAN that
// only one network may manage.
func uefiSite() *site {
	return &site{name: "uefi", firmware: qemu.UEFI, medium: qemu.USB, disk: qemu.NVMe, menu: "\x0e\r", vlan: 77, managed: true,
		network: fmt.Sprintf(`  ports:
    - mac: %s
  vlan: 77
  ipv4:
    address: %s/%d
    gateway: %s
  ipv6:
    address: %s/%d
    gateway: %s
  dns: [%s]
  management: [%s, "%s"]`, mac, node4, peer4.Bits(), peer4.Addr(), node6, peer6.Bits(), peer6.Addr(), peer4.Addr(), peer4.Masked(), peer6.Masked())}
}

// provision takes a site from the medium to a node that is complete, and looks at it.
func (s *site) provision(t *testing.T) {
	s.mustRun(t, "install", s.install)
	s.mustRun(t, "first boot", s.firstBoot)
	s.mustRun(t, "health over SSH", s.healthOverSSH)
	t.Run("health on the serial console", s.healthOnTheConsole)
	t.Run("from outside", s.fromOutside)
	t.Run("from inside", s.fromInside)
}

func (s *site) firstBoot(t *testing.T) { s.boot(t, "first boot", "DEBVISOR-FIRSTBOOT-DONE", "login: ") }

// mustRun is a stage that the rest stands on.
func (s *site) mustRun(t *testing.T, name string, stage func(*testing.T)) {
	t.Helper()
	if !t.Run(name, stage) {
		t.FailNow()
	}
}

// notWell is what health finds on a node without time servers: nothing else, and no fail. QEMU emulates a processor that
// can virtualise, so there is a /dev/kvm.
var notWell = map[string]health.Status{
	"time":         health.Warn, // no time server answers
	"dns-pair":     health.Skip, // BIND is not in the minimal edition
	"dns-keys":     health.Skip,
	"guests-names": health.Skip, // the answers name no name servers
	"storage":      health.Skip, // not provisioned by this version
	"cockpit":      health.Skip, // not in the minimal edition
}

type report struct {
	Status health.Status   `json:"status"`
	Checks []health.Result `json:"checks"`
}

// health is what the node says, and the exit code.
func (s *site) health(t *testing.T) (map[string]health.Result, int) {
	t.Helper()
	return parseHealth(t, s.root(t, askHealth))
}

const askHealth = "code=0; debvisor health --json || code=$?; echo $code\n"

// parseHealth reads a report in JSON that the exit code follows.
func parseHealth(t *testing.T, out string) (map[string]health.Result, int) {
	t.Helper()
	var r report
	decoder := json.NewDecoder(strings.NewReader(out))
	code := 0
	if err := errors.Join(decoder.Decode(&r), decoder.Decode(&code)); err != nil {
		t.Fatalf("health: %v:\n%s", err, out)
	}
	found := map[string]health.Result{}
	for _, c := range r.Checks {
		found[c.Check] = c
	}
	return found, code
}

func (s *site) healthOverSSH(t *testing.T) {
	found, code := s.health(t)
	if code != exit.Done {
		t.Errorf("exit code %d", code)
	}
	for _, c := range health.Checks() {
		want, ok := notWell[c.Name]
		if !ok {
			want = health.OK
		}
		if got := found[c.Name]; got.Status != want {
			t.Errorf("%s is %q, want %q: %s", c.Name, got.Status, want, got.Detail)
		}
	}
}

// healthOnTheConsole is what a person at the machine does: log in with the password, which sudo asks for again.
func (s *site) healthOnTheConsole(t *testing.T) {
	for _, step := range []struct{ wait, say string }{
		{"", "\n"}, {"login: ", console + "\n"}, {"Password: ", s.password + "\n"}, {"$ ", "sudo debvisor health\n"},
		{"password for " + console + ": ", s.password + "\n"},
	} {
		if step.wait != "" {
			await(t, s.vm, time.Minute, step.wait, "Login incorrect")
		}
		if err := s.vm.Console.Send(step.say); err != nil {
			t.Fatal(err)
		}
	}
	counts := map[health.Status]int{health.OK: len(health.Checks()) - len(notWell)}
	for _, status := range notWell {
		counts[status]++
	}
	await(t, s.vm, 2*time.Minute, fmt.Sprintf("%d ok, %d warn, %d skip, 0 fail", counts[health.OK], counts[health.Warn], counts[health.Skip]), " fail\r")
	if err := s.vm.Console.Send("exit\n"); err != nil {
		t.Fatal(err)
	}
}

// quoted is text as one word for a shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
