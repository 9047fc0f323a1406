package e2e

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"debvisor/internal/host"
	"debvisor/testing/qemu"
)

// site is a machine, its surroundings and what it is told to become.
type site struct {
	name     string
	firmware qemu.Firmware
	medium   qemu.Bus // how the ISO is attached
	disk     qemu.Bus
	menu     string // typed at the boot menu; "" lets its countdown run out
	vlan     int
	network  string // of the answers, as YAML
	wipe     string // serial of the disk that may be wiped
	managed  bool   // SSH only from the first network
	dhcp     bool

	test     *testing.T // machines run until its end, over many subtests
	iso, dir string
	net      *qemu.Network
	key      ssh.Signer
	password string // of the user console
	hash     string
	machine  qemu.Machine
	media    []qemu.Drive
	vm       *qemu.VM
	hostKey  ssh.PublicKey // as first seen
	took     map[string]float64
}

// The network of every site: the others have two addresses of each family, the second pair on networks that may not
// manage the node.
var (
	node4     = netip.MustParseAddr("10.77.0.10")
	peer4     = netip.MustParsePrefix("10.77.0.1/24")
	stranger4 = netip.MustParsePrefix("10.78.0.1/24")
	node6     = netip.MustParseAddr("fd77::10")
	peer6     = netip.MustParsePrefix("fd77::1/64")
	stranger6 = netip.MustParsePrefix("fd78::1/64")
)

const (
	mac    = "52:54:00:77:00:10"
	serial = "DVE2ESYSTEM"
	// The profile needs a disk for data; this version does not provision it.
	dataSerial = "DVE2EDATA"
	// The administrator has a key and no password, the person at the console the other way round.
	admin   = "ops"
	console = "console"
)

// prepare makes the network, the blank disk and the medium with the answers.
func (s *site) prepare(t *testing.T, iso string) {
	t.Helper()
	s.test, s.dir = t, t.TempDir()
	s.took = map[string]float64{}
	s.credentials(t)
	var err error
	s.net, err = qemu.NewNetwork(t.Context(), s.dir, s.vlan, peer4, peer6, stranger4, stranger6)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.net.Close() })
	if s.dhcp {
		s.serveDHCP(t)
	}
	s.iso = iso
	s.useAnswers(t)
	s.machine = qemu.Machine{Dir: s.dir, Log: consoleLog(t, s.name), Firmware: s.firmware, Network: s.net, MAC: mac,
		Drives: []qemu.Drive{{Path: newDisk(t, s.dir, "system"), Bus: s.disk, Serial: serial},
			{Path: newDisk(t, s.dir, "data"), Bus: qemu.Virtio, Serial: dataSerial}}}
}

// useAnswers makes the medium that holds the answers.
func (s *site) useAnswers(t *testing.T) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "answers.img")
	if err := qemu.NewMedium(t.Context(), path, "DEBVISOR", map[string]string{"debvisor.yaml": s.answers()}); err != nil {
		t.Fatal(err)
	}
	s.media = []qemu.Drive{{Path: s.iso, Bus: s.medium, ReadOnly: true}, {Path: path, Bus: qemu.USB, ReadOnly: true}}
}

// withMedia is the machine with the ISO and the answers plugged in.
func (s *site) withMedia() qemu.Machine {
	m := s.machine
	m.Drives = append(s.media[:len(s.media):len(s.media)], m.Drives...)
	return m
}

func (s *site) credentials(t *testing.T) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if s.key, err = ssh.NewSignerFromKey(private); err != nil {
		t.Fatal(err)
	}
	s.password = rand.Text()
	cmd := host.Cmd{Args: []string{"openssl", "passwd", "-6", "-stdin"}, Stdin: s.password + "\n"}
	hash, err := host.System{}.Run(t.Context(), cmd)
	if err != nil {
		t.Fatal(err)
	}
	s.hash = strings.TrimSpace(string(hash))
}

// serveDHCP gives the card's hardware address, and no other, the node's address.
func (s *site) serveDHCP(t *testing.T) {
	err := s.net.Do(func() error {
		args := []string{"dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--user=root", "--port=0",
			"--interface=" + qemu.Device, "--bind-interfaces", "--dhcp-leasefile=" + filepath.Join(s.dir, "leases"),
			"--log-facility=" + filepath.Join(s.dir, "dnsmasq.log"),
			"--dhcp-range=10.77.0.100,10.77.0.150,255.255.255.0,1h", "--dhcp-host=" + mac + "," + node4.String(),
			"--dhcp-option=option:dns-server," + peer4.Addr().String(), "--dhcp-range=fd77::,ra-only,64", "--enable-ra"}
		_, err := host.Start(t.Context(), host.Cmd{Args: args}, host.Streams{})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (s *site) answers() string {
	return fmt.Sprintf(`version: 1
host:
  fqdn: %s.lab.example
  timezone: Europe/Vienna
users:
  - name: %s
    admin: true
    ssh_keys:
      - ssh-ed25519 %s e2e
  - name: %s
    admin: true
    password_hash: %s
network:
%s
storage:
  profile: zfs
  system:
    match:
      serial: %s
  data:
    - match:
        serial: %s
  wipe: [%s]
`, s.name, admin, base64.StdEncoding.EncodeToString(s.key.PublicKey().Marshal()), console, s.hash, s.network, serial, dataSerial, s.wipe)
}

// install boots the medium and waits until it has installed and rebooted.
func (s *site) install(t *testing.T) {
	began := time.Now()
	vm := start(s.test, s.withMedia())
	if s.menu != "" {
		await(t, vm, 2*time.Minute, "Rescue shell")
		if err := vm.Console.Send(s.menu); err != nil {
			t.Fatal(err)
		}
	}
	s.took["boot"] = s.until(t, vm, began, 8*time.Minute, "verify: ")
	text := await(t, vm, 12*time.Minute, "DEBVISOR-INSTALL-DONE", "DEBVISOR-INSTALL-FAILED")
	s.took["install"] = time.Since(began).Seconds() - s.took["boot"]
	keepSteps(s.took, text)
	off(t, vm)
}

// until is the seconds from began until the console says want.
func (s *site) until(t *testing.T, vm *qemu.VM, began time.Time, limit time.Duration, want string) float64 {
	t.Helper()
	await(t, vm, limit, want, "DEBVISOR-INSTALL-FAILED", "DEBVISOR-FIRSTBOOT-FAILED")
	return time.Since(began).Seconds()
}

func off(t *testing.T, vm *qemu.VM) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := vm.Wait(ctx); err != nil {
		t.Fatal(err)
	}
}

// boot starts the installed system, without any medium.
func (s *site) boot(t *testing.T, as string, want ...string) {
	began := time.Now()
	s.vm = start(s.test, s.machine)
	for _, w := range want {
		s.took[as] = s.until(t, s.vm, began, 8*time.Minute, w)
	}
}

// reboot as an operator does it, and back to a login prompt.
func (s *site) reboot(t *testing.T) {
	s.try("sudo systemctl reboot") // the connection ends with an error
	off(t, s.vm)
	s.boot(t, "second boot", "login: ")
}
