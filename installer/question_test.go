package installer

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"

	"debvisor/config"
	"debvisor/internal/disk"
)

const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA ops"

func fixture(t *testing.T) []disk.Disk {
	t.Helper()
	data, err := os.ReadFile("testdata/facts.json")
	if err != nil {
		t.Fatal(err)
	}
	f, err := disk.ParseFacts(data)
	if err != nil {
		t.Fatal(err)
	}
	return f.Disks
}

func begin(t *testing.T) State {
	return State{Disks: fixture(t), Profiles: config.Profiles(), Cards: []Card{{"enp1s0", "52:54:00:00:00:01", true}, {"enp2s0", "52:54:00:00:00:02", false}}}
}

// walk answers by path, takes the default elsewhere, and lists what was asked.
func walk(t *testing.T, s State, given map[string]string) (State, string) {
	t.Helper()
	var asked strings.Builder
	for {
		q, more := Next(s)
		if !more {
			return s, asked.String()
		}
		answer, ok := given[q.Path]
		if !ok {
			answer = q.Default
		}
		if err := q.Check(answer); err != nil {
			t.Fatalf("%s: %q: %v", q.Path, answer, err)
		}
		asked.WriteString(q.Path + "\n")
		s = s.Answer(q, answer)
	}
}

func TestTheQuestionsLeadToValidAnswers(t *testing.T) {
	s, asked := walk(t, begin(t), map[string]string{
		"host.fqdn": "hv01.lab.example", "users[0].name": "ops", "users[0].ssh_keys": key, "network.ports": "52:54:00:00:00:01",
		"network.ipv4.method": "static", "network.ipv4.address": "10.0.0.11/24", "network.ipv4.gateway": "10.0.0.1", "network.dns": "10.0.0.1 10.0.0.2",
		"network.vlan": "20", "network.management": "10.0.0.0/24", "storage.profile": "zfs", "storage.system": "/dev/sda", "storage.wipe": "S3Z8NX0K1",
	})
	wantAsked := `host.fqdn
host.timezone
host.keyboard
users[0].name
users[0].ssh_keys
users[0].password_hash
network.ports
network.ipv4.method
network.ipv4.address
network.ipv4.gateway
network.dns
network.vlan
network.management
storage.profile
storage.system
storage.wipe
storage.data
install.after
`
	if asked != wantAsked {
		t.Errorf("asked:\n%s\nwant:\n%s", asked, wantAsked)
	}
	text, err := Draft(&s.Node)
	if err != nil {
		t.Fatal(err)
	}
	want := `version: 1
host:
  fqdn: hv01.lab.example
  timezone: UTC
  keyboard: us
users:
  - name: ops
    admin: true
    ssh_keys:
      - ` + key + `
network:
  ports:
    - mac: "52:54:00:00:00:01"
  vlan: 20
  ipv4:
    method: static
    address: 10.0.0.11/24
    gateway: 10.0.0.1
  dns:
    - 10.0.0.1
    - 10.0.0.2
  management:
    - 10.0.0.0/24
storage:
  profile: zfs
  system:
    match:
      serial: S3Z8NX0K1
  wipe:
    - S3Z8NX0K1
install:
  after: reboot
`
	if strings.ReplaceAll(text, "'", `"`) != want {
		t.Errorf("answers:\n%s\nwant:\n%s", text, want)
	}
	n, err := config.ParseNode("answers", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	c, err := Choose(n, disk.Facts{Disks: s.Disks})
	if err != nil || c.System.Disk.Path != "/dev/sda" || !c.System.Wipe {
		t.Errorf("the answers mean %+v, %v", c.System, err)
	}
}

// The validator of the answers file speaks at the question that it concerns.
func TestABadAnswerIsRefusedAtOnce(t *testing.T) {
	s := begin(t)
	for _, c := range []struct{ path, answer, says string }{
		{"host.fqdn", "hv01", "not a full host name"},
		{"host.fqdn", "", "is missing"},
		{"host.timezone", "Mars/Base", "not a time zone"},
		{"users[0].name", "root", "name of the system"},
		{"users[0].ssh_keys", "ssh-dss AAAA", "not an SSH public key"},
		{"users[0].password_hash", "", "nobody could log in"},
		{"network.ports", "", "at least one"},
		{"network.vlan", "5000", "1 to 4094"},
		{"network.management", "10.0.0.1/24", "host bits"},
		{"storage.system", "", "choose one"},
		{"storage.system", "/dev/sr0", "choose one"},
	} {
		q := question(t, s, c.path)
		if err := q.Check(c.answer); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %q: %v; want %q", c.path, c.answer, err, c.says)
		}
	}
}

// question is the one of that path, with everything else unanswered.
func question(t *testing.T, s State, path string) Question {
	t.Helper()
	s.Asked = map[string]bool{}
	for _, q := range questions(s) {
		if q.Path != path {
			s.Asked[q.Path] = true
		}
	}
	q, ok := Next(s)
	if !ok || q.Path != path {
		t.Fatalf("no question %s", path)
	}
	return q
}

func TestNoDiskUserOrKeyIsADefault(t *testing.T) {
	for _, path := range []string{"host.fqdn", "users[0].name", "users[0].ssh_keys", "users[0].password_hash", "storage.system"} {
		if q := question(t, begin(t), path); q.Default != "" {
			t.Errorf("%s: default %q", path, q.Default)
		}
	}
	if q := question(t, begin(t), "storage.profile"); q.Default != "usb-zfs" {
		t.Errorf("profile: default %q", q.Default)
	}
}

// The default profile needs three sticks; it is refused where it is chosen, not after the last question.
func TestAProfileWithoutItsDisksIsRefusedAtOnce(t *testing.T) {
	s := begin(t)
	const says = "too few disks for the profile: usb-zfs needs at least 3, USB and empty, besides the system disk; there are "
	for n, name := range []string{"stick1", "stick2", "stick3", ""} {
		q := question(t, s, "storage.profile")
		err := q.Check(q.Default)
		if n < 3 && (err == nil || err.Error() != says+strconv.Itoa(n)) || n == 3 && err != nil {
			t.Errorf("%d sticks: %v", n, err)
		}
		if line := q.Options[0].Text; !strings.HasSuffix(line, "(needs 3; here: "+strconv.Itoa(n)+")") {
			t.Errorf("%d sticks: %s", n, line)
		}
		s.Disks = append(s.Disks, disk.Disk{Path: "/dev/" + name, Serial: name, Size: 16e9, Transport: "usb", Contents: disk.Contents{Probed: true}})
	}
}

// The disk for the system may be one that the profile would have needed; and of those chosen there must be enough.
func TestTheSystemDiskMustLeaveEnoughForTheProfile(t *testing.T) {
	s := begin(t)
	s.Disks = s.Disks[:2] // one with data, one empty
	s.Node.Storage.Profile = "zfs"
	if err := question(t, s, "storage.system").Check("/dev/nvme0n1"); err == nil || !strings.Contains(err.Error(), "there are 0") {
		t.Errorf("the only empty disk for the system: %v", err)
	}
	if err := question(t, s, "storage.system").Check("/dev/sda"); err != nil {
		t.Error(err)
	}
	s = begin(t)
	s.Node.Storage.Profile = "mixed"
	s.Disks[0].Contents = disk.Contents{Probed: true}
	s = s.Answer(question(t, s, "storage.system"), "/dev/sda")
	for answer, ok := range map[string]bool{"": true, "/dev/nvme0n1": false, "/dev/nvme0n1\n/dev/sdb": true} {
		if err := question(t, s, "storage.data").Check(answer); (err == nil) != ok {
			t.Errorf("%q: %v", answer, err)
		}
	}
}

// Busy disks, small ones, and those that no rule can tell apart are not offered.
func TestOnlyDisksThatCanHoldTheSystemAreOffered(t *testing.T) {
	var got []string
	for _, o := range question(t, begin(t), "storage.system").Options {
		got = append(got, o.Value)
	}
	if strings.Join(got, " ") != "/dev/sda /dev/nvme0n1" {
		t.Errorf("offered: %v", got)
	}
}

func TestConsentIsToOneDiskOnly(t *testing.T) {
	s := begin(t)
	s = s.Answer(question(t, s, "storage.system"), "/dev/sda")
	s.Node.Storage.Wipe = []string{"S3Z8NX0K1"}
	s = s.Answer(question(t, s, "storage.system"), "/dev/nvme0n1")
	if len(s.Node.Storage.Wipe) > 0 {
		t.Errorf("still named for wiping: %v", s.Node.Storage.Wipe)
	}
}

// What is kept in the answers names the installation that goes, never the one that comes.
func TestReplacingAnInstallationNamesIt(t *testing.T) {
	s := begin(t)
	s.Disks[0].Contents.Installation = "00112233-4455-6677-8899-aabbccddeeff"
	s = s.Answer(question(t, s, "storage.system"), "/dev/sda")
	q := question(t, s, "storage.wipe")
	if q.Title != "DebVisor is installed on /dev/sda. Replace it?" || q.Default != "" || q.Check("yes") == nil || q.Check("S3Z8NX0K1") != nil {
		t.Errorf("%+v", q)
	}
	s = s.Answer(q, "S3Z8NX0K1")
	if got := strings.Join(s.Node.Storage.Wipe, " "); got != "S3Z8NX0K1 installation:00112233-4455-6677-8899-aabbccddeeff" {
		t.Errorf("named for wiping: %s", got)
	}
}

// The same questions come as prompts; a wrong answer is asked again.
func TestPromptsAskUntilTheAnswerHolds(t *testing.T) {
	var out bytes.Buffer
	p := &Prompts{In: strings.NewReader("hv01\nhv01.lab.example\n"), Out: &out}
	got, err := p.Ask(t.Context(), question(t, begin(t), "host.fqdn"))
	if err != nil || got != "hv01.lab.example" || !strings.Contains(out.String(), "not a full host name") {
		t.Errorf("%q, %v\n%s", got, err, out.String())
	}
	if _, err := p.Ask(t.Context(), question(t, begin(t), "host.fqdn")); !errors.Is(err, ErrAborted) {
		t.Errorf("at the end of the input: %v", err)
	}
}

func TestPromptsTakeNumbers(t *testing.T) {
	for _, c := range []struct{ path, input, want string }{
		{"storage.profile", "2\n", "zfs"},
		{"storage.profile", "\n9\nmixed\n", "mixed"}, // there are no sticks for the default
		{"network.ports", "1, 2\n", "52:54:00:00:00:01\n52:54:00:00:00:02"},
		{"network.ports", "\n1\n", "52:54:00:00:00:01"},
		{"storage.system", "\n1\n", "/dev/sda"},
	} {
		var out bytes.Buffer
		got, err := (&Prompts{In: strings.NewReader(c.input), Out: &out}).Ask(t.Context(), question(t, begin(t), c.path))
		if err != nil || got != c.want {
			t.Errorf("%s: %q → %q, %v; want %q\n%s", c.path, c.input, got, err, c.want, out.String())
		}
	}
}
